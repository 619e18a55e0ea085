import { readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const migrationsFolder = join(import.meta.dirname, "../migrations");

/** The names of all migrations that this code knows, oldest first. */
export function migrationNames(): string[] {
  return readdirSync(migrationsFolder)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -3))
    .sort();
}

/** The numbers of the queue's own migrations in the version of it that this code runs on. */
export function queueMigrations(): number[] {
  const folder = join(fileURLToPath(import.meta.resolve("graphile-worker")), "../../sql");
  return readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .map((file) => Number.parseInt(file, 10))
    .sort((a, b) => a - b);
}
