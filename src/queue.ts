import { type RawBuilder, sql } from "kysely";
import type { Db } from "./db.ts";

/** Every job there is, by the name that it has in the queue, with what it needs to know. */
export type Jobs = {
  deliver_event: { eventId: number };
  deliver_alone: { eventId: number };
  expire_reservation: { reservationId: number };
  announce_marks: { userId: number; seqs: number[] };
  end_streams: StreamEnding;
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
    max_attempts := 8,
    job_key := ${options.key ?? null}
  )`.execute(db);
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
