import { parseArgs } from "node:util";
import type pg from "pg";
import { checkFile, type Header } from "./backup-file.ts";
import type { LinkSettings } from "./config.ts";
import { createPool } from "./db.ts";
import { migrate } from "./migrate.ts";
import { migrationNames, queueMigrations } from "./migrations.ts";
import { configOrExit, fatal } from "./process.ts";
import { replaceAll } from "./restore-rows.ts";

/**
 * Puts a back-up into a database, all of it or nothing. Everybody has to sign in again, and jobs that were due meanwhile
 * run at once. The user of the database must own the tables; superuser is not needed.
 * @param replaced the name of the database, where what is in it may be lost
 * @throws Error with one line, before anything is changed: the file is not whole or of another release, or the database
 *   is not empty
 */
export async function restore(config: LinkSettings, file: string, replaced?: string): Promise<Header> {
  const header = await checkFile(file);
  refuseOtherRelease(header);
  const pool = createPool(config, 1, "migration");
  try {
    const client = await pool.connect();
    try {
      await refuseLosses(client, replaced);
      await migrate(config);
      await client.query(ALL_OR_NOTHING);
      // Somebody may have signed up meanwhile.
      await refuseLosses(client, replaced);
      await replaceAll(client, file, header);
      await client.query("commit; analyze");
    } finally {
      client.release(true);
    }
  } finally {
    await pool.end();
  }
  return header;
}

const ALL_OR_NOTHING = `
  begin; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0;
  lock table public.users in access exclusive mode`;

function refuseOtherRelease({ migrations: { ours, queue } }: Header): void {
  const mine = [...migrationNames(), ...queueMigrations()].join();
  if ([...ours, ...queue].join() === mine) return;
  throw new Error(
    `the back-up is of another release: its schema ends with ${ours.at(-1)} (queue: ${queue.at(-1)}), and that of this one ` +
      `with ${migrationNames().at(-1)} (queue: ${queueMigrations().at(-1)})`,
  );
}

async function refuseLosses(client: pg.ClientBase, replaced: string | undefined): Promise<void> {
  const { rows } = await client.query<{ name: string; made: boolean }>(
    "select current_database() as name, to_regclass('public.users') is not null as made",
  );
  const [{ name, made } = { name: "", made: true }] = rows;
  if (replaced === name) return;
  if (replaced !== undefined) throw new Error(`the database is ${name}, and ${replaced} was to be replaced`);
  const people = made ? (await client.query("select from public.users limit 1")).rowCount : 0;
  if (people === 0) return;
  throw new Error(`there are people in the database already: what it has is lost with --replace ${name}`);
}

async function main(): Promise<void> {
  const config = configOrExit("release");
  const { values, positionals } = parseArgs({ options: { replace: { type: "string" } }, allowPositionals: true });
  const [file, ...more] = positionals;
  if (!file || more.length > 0) throw new Error("say which file: npm run restore -- file [--replace database]");
  const { takenAt, tables } = await restore(config, file, values.replace);
  const rows = tables.reduce((sum, { rows }) => sum + rows, 0);
  console.log(
    `All is as it was at ${takenAt}: ${rows} rows of ${tables.length} tables. Everybody has to sign in again.`,
  );
}

if (import.meta.main) main().catch((error) => fatal("Nothing is restored", error));
