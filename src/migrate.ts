import { join } from "node:path";
import { Logger, runMigrations } from "graphile-worker";
import { type Kysely, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import type { LinkSettings } from "./config.ts";
import { createDb, createPool, type Database } from "./db.ts";
import { migrationNames, migrationsFolder } from "./migrations.ts";

const LOCK = 712_001;

/** graphile-worker's own chatter is left out: what fails there throws, or is logged from its events. */
export const quietLogger = new Logger(() => () => {});

/**
 * Brings a database to the present schema: our migrations, all or none, then the queue's own. Safe to run at any time and by
 * several at once: one works, the others wait and find nothing to do. A migration that fails leaves the schema as it was,
 * and a schema that is ahead of this code, as after a roll-back, is left as it is: that it serves both is the migrations' rule.
 * @throws what the database says
 */
export async function migrate(config: LinkSettings): Promise<void> {
  const pool = createPool(config, 4, "migration");
  const db = createDb(pool);
  const lock = await pool.connect();
  try {
    await lock.query("select pg_advisory_lock($1)", [LOCK]);
    if (await isBehind(db)) {
      const { error } = await new Migrator({ db, provider: { getMigrations } }).migrateToLatest();
      if (error) throw error;
    }
    await runMigrations({ pgPool: pool, logger: quietLogger });
  } finally {
    lock.release(true);
    await db.destroy();
  }
}

/** Whether any migration of this code is missing. The migrator itself would take one that it does not know for a fault. */
async function isBehind(db: Kysely<Database>): Promise<boolean> {
  const { rows: tables } = await sql`select where to_regclass('kysely_migration') is not null`.execute(db);
  if (tables.length === 0) return true;
  const { rows } = await sql<{ name: string }>`select name from kysely_migration`.execute(db);
  const done = new Set(rows.map(({ name }) => name));
  return migrationNames().some((name) => !done.has(name));
}

async function getMigrations(): Promise<Record<string, Migration>> {
  const modules = migrationNames().map(
    async (name) => [name, await import(join(migrationsFolder, `${name}.ts`))] as const,
  );
  return Object.fromEntries(await Promise.all(modules));
}
