import type pg from "pg";

/** A table of ours as a back-up has it: its columns, but for those that the database works out itself. */
export type Table = {
  name: string;
  columns: string[];
  /** The columns that a sequence fills, with the last number that it has given out. */
  numbered: { column: string; last: number | null }[];
};

/** Sessions are not backed up: whoever restores them would let people in who have signed out since. */
const LEFT_OUT = ["sessions", "kysely_migration", "kysely_migration_lock"];

/** All tables that are backed up, each after those that it refers to. @throws when they refer to each other in a circle */
export async function findTables(client: pg.ClientBase): Promise<Table[]> {
  const { rows } = await client.query<Table & { refers: string[] }>(TABLES, [LEFT_OUT]);
  const ordered: (Table & { refers: string[] })[] = [];
  while (ordered.length < rows.length) {
    const done = new Set(ordered.map(({ name }) => name));
    const next = rows.filter(({ name, refers }) => !done.has(name) && refers.every((other) => done.has(other)));
    if (next.length === 0) throw new Error("there are tables that refer to each other in a circle");
    ordered.push(...next);
  }
  return ordered.map(({ name, columns, numbered }) => ({ name, columns, numbered }));
}

/** What the schema has of migrations: ours by name, the queue's by number. */
export async function findMigrations(client: pg.ClientBase): Promise<{ ours: string[]; queue: number[] }> {
  const ours = await client.query<{ name: string }>("select name from kysely_migration order by name");
  const queue = await client.query<{ id: number }>("select id from graphile_worker.migrations order by id");
  return { ours: ours.rows.map(({ name }) => name), queue: queue.rows.map(({ id }) => id) };
}

const TABLES = `
  select relname::text as name,
    array(
      select attname::text from pg_attribute
      where attrelid = tables.oid and attnum > 0 and not attisdropped and attgenerated = '' order by attnum
    ) as columns,
    coalesce((
      select json_agg(json_build_object('column', attname, 'last', pg_sequence_last_value(found.sequence::regclass)))
      from pg_attribute, pg_get_serial_sequence(tables.oid::regclass::text, attname) found (sequence)
      where attrelid = tables.oid and attnum > 0 and not attisdropped and found.sequence is not null
    ), '[]') as numbered,
    array(
      select distinct other.relname::text from pg_constraint join pg_class other on other.oid = confrelid
      where conrelid = tables.oid and contype = 'f' and confrelid <> tables.oid
    ) as refers
  from pg_class tables
  where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> all ($1)
  order by relname`;

/** A job of the queue as a back-up has it. One that runs at that moment is to be begun again, by the same number of tries. */
export const JOBS = `
  select tasks.identifier as task, queues.queue_name, payload, priority, run_at,
    greatest(0, attempts - (jobs.locked_at is not null)::int) as attempts, max_attempts, last_error, created_at, updated_at,
    key, revision, flags
  from graphile_worker._private_jobs jobs
  join graphile_worker._private_tasks tasks on tasks.id = jobs.task_id
  left join graphile_worker._private_job_queues queues on queues.id = jobs.job_queue_id
  order by jobs.id`;

/** The columns of JOBS, as Postgres reads them from JSON. */
export const JOB_COLUMNS = `
  task text, queue_name text, payload json, priority smallint, run_at timestamptz, attempts smallint,
  max_attempts smallint, last_error text, created_at timestamptz, updated_at timestamptz, key text, revision integer,
  flags jsonb`;

/** A name as SQL has it. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
