import { type RawBuilder, sql } from "kysely";
import type { Db } from "./db.ts";

/** Every job there is, by the name that it has in the queue, with what it needs to know. */
export type Jobs = {
  /** The listing in whose lane the event waits; jobs of earlier releases do not say it. */
  deliver_event: { eventId: number; listingId?: number | null };
  deliver_alone: { eventId: number };
  expire_reservation: { reservationId: number };
  warn_of_expiry: { reservationId: number };
  announce_marks: { userId: number; seqs: number[] };
  announce_seen: { enquiryId: number; readerId: number };
  end_streams: StreamEnding;
  delete_old: { place?: { what: string; from: number }; since?: number };
  /** One batch: of those whose ids are above this one. */
  send_announcement: { announcementId: number; after: number };
  recall_announcement: { announcementId: number; after: number };
  prove_isolation: { by: number | null };
};

/**
 * Which live streams must end: all of a user's, or one session's, and in what words. "renewed": the browser has a new
 * session of the same person and may come back at once.
 */
export type StreamEnding = {
  userId: number;
  sessionId?: string;
  reason: "signed-out" | "suspended" | "expired" | "password" | "role" | "renewed";
};

const MAX_ATTEMPTS = 8;

export type JobName = keyof Jobs;
/** What is done for each job; `attempt` is 1 the first time that it runs. */
export type TaskHandlers = { [K in JobName]: (payload: Jobs[K], attempt: number) => Promise<void> };

/**
 * Puts a job into the queue, as SQL, so that it joins the caller's transaction and is there if that commits.
 * @param options.runAt when it may run at the earliest, by the database's clock; at once if left out
 * @param options.delayMs or how long from now
 * @param options.key a second job with the same key replaces the first while that has not begun; text, or SQL for it
 */
export async function addJob<K extends JobName>(
  db: Db,
  name: K,
  payload: Jobs[K],
  options: { runAt?: Date; delayMs?: number; key?: string | RawBuilder<string> } = {},
): Promise<void> {
  await sql`select graphile_worker.add_job(
    ${name},
    payload := ${JSON.stringify(payload)}::json,
    run_at := coalesce(${options.runAt ?? null}::timestamptz, now() + ${options.delayMs ?? 0} * interval '1 ms'),
    max_attempts := ${sql.lit(MAX_ATTEMPTS)},
    job_key := ${options.key ?? null}
  )`.execute(db);
}

/**
 * A job to be run at once, as a part of the statement that makes what it is about: it goes where add_job() puts it, for a
 * fraction of the cost.
 * @param payload SQL, with `from` in reach
 * @returns the part, which answers with a row; with none when no worker has ever run, and then it is for addJob()
 */
export function jobFrom(name: JobName, from: string, payload: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`
    insert into graphile_worker._private_jobs (task_id, payload, max_attempts)
    select tasks.id, ${payload}, ${sql.lit(MAX_ATTEMPTS)}
    from graphile_worker._private_tasks tasks cross join ${sql.table(from)} where identifier = ${name}
    returning pg_notify('jobs:insert', json_build_object('r', random(), 'count', 1)::text)`;
}

/**
 * Puts off a running job ($1) by up to half of the queue's own back-off, which is e, e², e³ … seconds after the first,
 * second, third … try, so that what failed together is not tried again together. The queue adds its back-off to this
 * time when it notes the failure. Killed in between, the worker leaves a job that is merely tried again a little later.
 */
export const SCATTER = `
  update graphile_worker._private_jobs
  set updated_at = now(), run_at = now() + random() / 2 * exp(least(attempts, 10)) * interval '1 second'
  where id = $1 and locked_at is not null`;

/** A job that has failed at least once, as admins see it. */
export type TroubledJob = {
  id: number;
  /** failed: set aside; retrying: waits for its next try; again: was told to run again; running: at this moment */
  state: "failed" | "retrying" | "again" | "running";
  attempts: number;
  maxAttempts: number;
  /** What went wrong last; null where its worker was killed. */
  error: string | null;
  failedAt: Date;
  nextAt: Date;
} & { [K in keyof Jobs]: { name: K; payload: Jobs[K] } }[keyof Jobs];

/** Whether a job of this name runs, or waits for its time or its next try; null where there is none. */
export async function findPending(db: Db, name: JobName): Promise<"running" | "waiting" | null> {
  const { rows } = await sql<{ running: boolean | null }>`
    select bool_or(locked_at is not null) as running from graphile_worker.jobs
    where task_identifier = ${name} and (locked_at is not null or attempts < max_attempts)`.execute(db);
  const running = rows[0]?.running ?? null;
  return running === null ? null : running ? "running" : "waiting";
}

/** How many jobs have been set aside. */
export async function countFailedJobs(db: Db): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) from graphile_worker.jobs where attempts >= max_attempts and locked_at is null`.execute(db);
  return rows[0]?.count ?? 0;
}

/** Jobs that have failed: those set aside, the latest first, or else those that are tried again, the next first. */
export async function findTroubledJobs(db: Db, setAside: boolean, limit: number): Promise<TroubledJob[]> {
  const order = setAside ? sql`jobs.updated_at desc, jobs.id desc` : sql`jobs.run_at, jobs.id`;
  const { rows } = await sql<TroubledJob>`
    ${TROUBLED} and (attempts >= max_attempts and locked_at is null) = ${setAside} order by ${order} limit ${limit}
  `.execute(db);
  return rows;
}

/** One such job by its id, if it is there and has ever failed. */
export async function findTroubledJob(db: Db, id: number): Promise<TroubledJob | undefined> {
  const { rows } = await sql<TroubledJob>`${TROUBLED} and jobs.id = ${id}`.execute(db);
  return rows[0];
}

/**
 * Has a job that failed run again at once, with all its tries before it.
 * @returns whether it does: not when it runs already, or is done
 */
export async function runAgain(db: Db, id: number): Promise<boolean> {
  const failed = sql`select id from graphile_worker._private_jobs where id = ${id} and attempts > 0`;
  const { rows } = await sql`
    select from graphile_worker.reschedule_jobs(array(${failed}), run_at := now(), attempts := 0)`.execute(db);
  return rows.length > 0;
}

/**
 * Takes a job that has been set aside out of the queue, undone.
 * @returns whether it did: not when it runs, waits for another try, or is done
 */
export async function giveUp(db: Db, id: number): Promise<boolean> {
  const { rows } = await sql`
    delete from graphile_worker._private_jobs
    where id = ${id} and attempts >= max_attempts and locked_at is null
    returning id`.execute(db);
  return rows.length > 0;
}

const TROUBLED = sql`
  select jobs.id, tasks.identifier as name, payload, attempts, max_attempts as "maxAttempts", last_error as error,
    updated_at as "failedAt", run_at as "nextAt",
    case when locked_at is not null then 'running' when attempts >= max_attempts then 'failed'
      when attempts > 0 then 'retrying' else 'again' end as state
  from graphile_worker._private_jobs jobs join graphile_worker._private_tasks tasks on tasks.id = jobs.task_id
  where (last_error is not null or attempts > 1 or (attempts > 0 and locked_at is null))`;
