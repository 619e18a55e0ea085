import { join } from "node:path";
import { Logger, runMigrations } from "graphile-worker";
import { type Migration, Migrator } from "kysely/migration";
import type { LinkSettings } from "./config.ts";
import { createDb, createPool } from "./db.ts";
import { migrationNames, migrationsFolder } from "./migrations.ts";

const LOCK = 712_001;

/** graphile-worker's own chatter is left out: what fails there throws, or is logged from its events. */
export const quietLogger = new Logger(() => () => {});

/**
 * Brings a database to the present schema: our migrations, all or none, then the queue's own. Safe to run at any time and by
 * several at once: one works, the others wait and find nothing to do. A migration that fails leaves the schema as it was.
 * @throws what the database says
 */
export async function migrate(config: LinkSettings): Promise<void> {
  const pool = createPool(config, 4, "migration");
  const db = createDb(pool);
  const lock = await pool.connect();
  try {
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
  const modules = migrationNames().map(
    async (name) => [name, await import(join(migrationsFolder, `${name}.ts`))] as const,
  );
  return Object.fromEntries(await Promise.all(modules));
}
