import type pg from "pg";
import { type Header, readLines } from "./backup-file.ts";
import { findTables, JOB_COLUMNS, quoted } from "./backup-tables.ts";

const ROWS_AT_ONCE = 1000;

/**
 * By how much at least every number jumps that is given out one after the other. A back-up does not know what was given
 * out after it was taken, and all that would be given out again, for something else.
 * The numbers of an inbox: a browser that had been told of number 120 would take itself for up to date when the restored
 * inbox comes to 120 again, and never show what is between. So each inbox goes on far above all that it can have given
 * out, and says that nothing below is kept: whoever comes with a cursor from the time before is told to read the inbox
 * again. What was seen and delivered stays so, being below. Its revision jumps as well, since a page ignores a count that
 * is older than the one that it shows. They jump to the time in ms, or a back-up that is restored a second time would
 * give out once more what was given out after the first.
 * Ids: a process that has outlived the database would tell of an event that it remembers in the place of the new one with
 * its id, or note the wrong job as done; and a link that somebody kept would lead to other stock.
 */
const JUMP = 1_000_000;
const INBOXES_GO_ON = `
  update public.inboxes set last_seq = new.seq, floor_seq = new.seq, revision = new.revision
  from (
    select user_id, greatest(last_seq + $1, now.ms) as seq, greatest(inboxes.revision + $1, now.ms) as revision
    from public.inboxes, (select floor(extract(epoch from now()) * 1000)::bigint) now (ms)
  ) new
  where inboxes.user_id = new.user_id`;

/**
 * What the tables' triggers keep up is in the back-up, and would be falsified by them: they are off until all is there,
 * for everybody, which a table's owner may do. References are checked all the same.
 */
export async function replaceAll(client: pg.ClientBase, file: string, header: Header): Promise<void> {
  const tables = (await findTables(client)).map(({ name }) => `public.${quoted(name)}`);
  for (const table of tables) await client.query(`alter table ${table} disable trigger user`);
  await client.query(`truncate ${tables.join()}, public.sessions, graphile_worker._private_jobs`);
  await fill(client, file, header);
  await client.query(INBOXES_GO_ON, [JUMP]);
  for (const table of tables) await client.query(`alter table ${table} enable trigger user`);
}

async function fill(client: pg.ClientBase, file: string, header: Header): Promise<void> {
  const lines = readLines(file);
  try {
    await lines.next();
    for (const table of header.tables) {
      const columns = table.columns.map(quoted).join();
      const name = `public.${quoted(table.name)}`;
      const insert = `
        insert into ${name} (${columns}) overriding system value
        select ${columns} from json_populate_recordset(null::${name}, $1)`;
      for await (const rows of batches(lines, table.rows)) await client.query(insert, [rows]);
      for (const { column, last } of table.numbered) await jump(client, name, column, last);
    }
    await jump(client, "graphile_worker._private_jobs", "id", header.jobs.last);
    for await (const rows of batches(lines, header.jobs.rows))
      for (const part of ADD_JOBS) await client.query(part, [rows]);
  } finally {
    await lines.return(undefined);
  }
}

/** So many rows as there are of a table, in portions, each as JSON. */
async function* batches(lines: AsyncGenerator<string>, rows: number): AsyncGenerator<string> {
  for (let left = rows; left > 0; left -= ROWS_AT_ONCE) {
    const portion: string[] = [];
    while (portion.length < Math.min(left, ROWS_AT_ONCE)) portion.push((await lines.next()).value ?? "");
    yield `[${portion.join()}]`;
  }
}

/** Beyond what the back-up knows to have been given out, and what the database does in whose place it comes. */
async function jump(client: pg.ClientBase, table: string, column: string, last: number | null): Promise<void> {
  await client.query(
    `select setval(sequence, greatest(pg_sequence_last_value(sequence), $3::bigint, 0) + $4::bigint)
     from (select pg_get_serial_sequence($1, $2)::regclass as sequence) found`,
    [table, column, last, JUMP],
  );
}

// As rows, so that those that have failed still have, and those that have been set aside still are; in the same order.
const ADD_JOBS = [
  `insert into graphile_worker._private_tasks (identifier)
   select distinct task from json_to_recordset($1) given (${JOB_COLUMNS}) on conflict do nothing`,
  `insert into graphile_worker._private_job_queues (queue_name)
   select distinct queue_name from json_to_recordset($1) given (${JOB_COLUMNS})
   where queue_name is not null on conflict do nothing`,
  `insert into graphile_worker._private_jobs (task_id, job_queue_id, payload, priority, run_at, attempts, max_attempts,
     last_error, created_at, updated_at, key, revision, flags)
   select tasks.id, queues.id, payload, priority, run_at, attempts, max_attempts, last_error, given.created_at,
     given.updated_at, key, revision, flags
   from rows from (json_to_recordset($1) as (${JOB_COLUMNS})) with ordinality given
   join graphile_worker._private_tasks tasks on tasks.identifier = task
   left join graphile_worker._private_job_queues queues using (queue_name)
   order by ordinality`,
];
