import { readdirSync } from "node:fs";
import { join } from "node:path";

export const migrationsFolder = join(import.meta.dirname, "../migrations");

/** The names of all migrations that this code knows, oldest first. */
export function migrationNames(): string[] {
  return readdirSync(migrationsFolder)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -3))
    .sort();
}
