import { open, rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import type pg from "pg";
import { countsOf, type End, type Header } from "./backup-file.ts";
import { findMigrations, findTables, JOBS, quoted, type Table } from "./backup-tables.ts";
import type { LinkSettings } from "./config.ts";
import { createPool } from "./db.ts";
import { configOrExit, fatal } from "./process.ts";

const ROWS_AT_ONCE = 1000;

/**
 * Writes all that the database holds, as it is at one moment, into a new file that only its owner may read: every table
 * but the sessions, and the jobs of the queue. The site may go on meanwhile: nobody waits for it. It needs no program of
 * Postgres, and the same little memory whatever the size.
 * @returns how many rows of what
 * @throws when the file is there already, and what the database or the disk says; then no file is left
 */
export async function backUp(config: LinkSettings, file: string): Promise<Record<string, number>> {
  const out = await open(file, "wx", 0o600).catch((error) => {
    throw error.code === "EEXIST" ? new Error(`${file} is there already, and a back-up overwrites nothing`) : error;
  });
  const pool = createPool(config, 1, "migration");
  try {
    const client = await pool.connect();
    try {
      await client.query(ONE_MOMENT);
      const header = await readHeader(client);
      await pipeline(Readable.from(linesOf(client, header)), createGzip(), out.createWriteStream({ flush: true }));
      return countsOf(header);
    } finally {
      client.release(true);
    }
  } catch (error) {
    await rm(file, { force: true });
    throw error;
  } finally {
    await out.close();
    await pool.end();
  }
}

// Times and numbers are written so that they are read again as exactly the same, whatever the server's settings.
const ONE_MOMENT = `
  begin isolation level repeatable read read only;
  set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0;
  set local timezone = 'UTC'; set local extra_float_digits = 1;`;

async function readHeader(client: pg.ClientBase): Promise<Header> {
  const { rows } = await client.query<{ now: string }>("select to_json(now()) as now");
  const tables = [];
  for (const table of await findTables(client)) tables.push({ ...table, rows: await count(client, selectOf(table)) });
  return {
    format: "stockbell backup 1",
    takenAt: rows[0]?.now ?? "",
    migrations: await findMigrations(client),
    tables,
    jobs: { rows: await count(client, JOBS), last: await lastJob(client) },
  };
}

async function* linesOf(client: pg.ClientBase, header: Header): AsyncGenerator<string> {
  yield `${JSON.stringify(header)}\n`;
  const parts = [...header.tables.map(selectOf), JOBS];
  const written: number[] = [];
  for (const query of parts) {
    let rows = 0;
    for await (const lines of rowsOf(client, query)) {
      rows += lines.length;
      yield `${lines.join("\n")}\n`;
    }
    written.push(rows);
  }
  const names = Object.keys(countsOf(header));
  const end: End = { end: true, rows: Object.fromEntries(names.map((name, at) => [name, written[at] ?? 0])) };
  yield `${JSON.stringify(end)}\n`;
}

/** Each row is one line: a line's end that JSON has between its values, and only there, is written as a space. */
async function* rowsOf(client: pg.ClientBase, query: string): AsyncGenerator<string[]> {
  await client.query(`
    declare found no scroll cursor for
    select replace(row_to_json(given)::text, chr(10), ' ') as line from (${query}) given`);
  for (;;) {
    const { rows } = await client.query<{ line: string }>(`fetch ${ROWS_AT_ONCE} from found`);
    if (rows.length === 0) break;
    yield rows.map(({ line }) => line);
  }
  await client.query("close found");
}

function selectOf({ name, columns }: Pick<Table, "name" | "columns">): string {
  return `select ${columns.map(quoted).join()} from public.${quoted(name)}`;
}

async function lastJob(client: pg.ClientBase): Promise<number | null> {
  const { rows } = await client.query<{ last: number | null }>(
    "select pg_sequence_last_value(pg_get_serial_sequence('graphile_worker._private_jobs', 'id')::regclass) as last",
  );
  return rows[0]?.last ?? null;
}

async function count(client: pg.ClientBase, query: string): Promise<number> {
  const { rows } = await client.query<{ count: number }>(`select count(*) from (${query}) given`);
  return rows[0]?.count ?? 0;
}

async function main(): Promise<void> {
  const config = configOrExit("release");
  const [file, ...more] = process.argv.slice(2);
  if (!file || more.length > 0) throw new Error("say which file it is to be, and nothing else: npm run backup -- file");
  const counts = await backUp(config, file);
  const rows = Object.values(counts).reduce((sum, n) => sum + n, 0);
  console.log(`${file} has ${rows} rows of ${Object.keys(counts).length - 1} tables and the queue.`);
}

if (import.meta.main) main().catch((error) => fatal("There is no back-up", error));
