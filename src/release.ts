import { readdirSync } from "node:fs";
import { join } from "node:path";
import { runMigrations } from "graphile-worker";
import { type Migration, Migrator } from "kysely/migration";
import type { Config } from "./config.ts";
import { createDb, createPool } from "./db.ts";
import { configOrExit, fatal } from "./process.ts";
import { quietLogger } from "./worker.ts";

const folder = join(import.meta.dirname, "../migrations");
const LOCK = 712_001;

/** The names of all migrations that this code knows, oldest first. */
export function migrationNames(): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => file.slice(0, -3))
    .sort();
}

/**
 * Brings a database to the present schema: our migrations, all or none, then the queue's own. Safe to run at any time and by
 * several at once: one works, the others wait and find nothing to do. A migration that fails leaves the schema as it was.
 * @throws what the database says
 */
export async function migrate(config: Pick<Config, "databaseUrl" | "databaseCa" | "unverifiedTls">): Promise<void> {
  const pool = createPool(config, 4);
  const db = createDb(pool);
  const lock = await pool.connect();
  try {
    await lock.query("set statement_timeout = 0");
    await lock.query("select pg_advisory_lock($1)", [LOCK]);
    const { error } = await new Migrator({ db, provider: { getMigrations } }).migrateToLatest();
    if (error) throw error;
    await runMigrations({ pgPool: pool, logger: quietLogger });
  } finally {
    lock.release(true);
    await db.destroy();
  }
}

async function getMigrations(): Promise<Record<string, Migration>> {
  const modules = migrationNames().map(async (name) => [name, await import(join(folder, `${name}.ts`))] as const);
  return Object.fromEntries(await Promise.all(modules));
}

if (import.meta.main) {
  migrate(configOrExit("release")).then(
    () => console.log("The database is up to date."),
    (error) => fatal("The migration failed", error),
  );
}
