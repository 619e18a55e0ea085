import { type Kysely, sql } from "kysely";
import type { Database, Db } from "../db.ts";
import type { Log } from "../log.ts";
import { compare, type Findings, type Span } from "./proof.ts";

type Parts = { db: Kysely<Database>; log: Log };

/**
 * Compares who was told of everything that was delivered within the last day, and since the last nightly proof, with who
 * should have been, and keeps the result. Reads only, until it is done; may run twice.
 * @param by the admin who asked for it, or null for the night's
 */
export async function proveIsolation({ db, log }: Parts, by: number | null): Promise<void> {
  const { begunAt, ...span } = await readSpan(db);
  const found = await compare(db, span);
  const waiting = await readWaiting(db);
  const { id } = await db
    .insertInto("proofs")
    .values({ begun_at: begunAt, since: span.since, by, ...columnsOf(found), ...columnsOfWaiting(waiting) })
    .returning("id")
    .executeTakeFirstOrThrow();
  report(log, id, found, waiting.length);
  await forget(db);
}

/**
 * From the moment at which the database began to keep the past, with what was under way then left out; a week at the most.
 * Events wait for their delivery and are late at times, so those that are a week older are looked through as well.
 */
async function readSpan(db: Db): Promise<Span & { begunAt: Date }> {
  const { rows } = await sql<Span & { begunAt: Date }>`
    with span as (
      select clock_timestamp() as begun_at, greatest(
        (select max(since) + interval '10 seconds' from past_kept),
        now() - interval '7 days',
        least(now() - interval '1 day', (select max(begun_at) - interval '1 hour' from proofs where by is null))
      ) as since
    )
    select begun_at as "begunAt", since, coalesce((select max(id) from events), 0) as until,
      coalesce((
        select id - 1 from events where occurred_at >= since - interval '7 days' order by occurred_at limit 1
      ), 0) as after
    from span`.execute(db);
  const [span] = rows;
  if (!span) throw new Error("a query of one row has none");
  return span;
}

const SHOWN = 100;

/** The events that have waited to be delivered for more than a minute, the longest first. */
async function readWaiting(db: Db): Promise<number[]> {
  const rows = await db
    .selectFrom("events")
    .select("id")
    .where("delivered_at", "is", null)
    .where(sql<boolean>`occurred_at < clock_timestamp() - interval '1 minute'`)
    .orderBy("id")
    .execute();
  return rows.map(({ id }) => id);
}

function columnsOf(found: Findings) {
  return {
    events: found.events,
    recipients: found.recipients,
    not_judged: found.notJudged,
    leaks: found.leaks,
    lost: found.lost,
    other_reasons: found.otherReasons,
    no_rule: found.noRule,
    differences: JSON.stringify(found.differences),
  };
}

function columnsOfWaiting(ids: number[]) {
  return { undelivered: ids.length, waiting: JSON.stringify(ids.slice(0, SHOWN)) };
}

function report(log: Log, proof: number, { differences, ...counts }: Findings, undelivered: number): void {
  const said = { proof, ...counts, undelivered };
  if (differences.length === 0) return log.info(said, "the isolation proof found nothing that is different");
  const first = differences.slice(0, 10);
  log.error({ ...said, first }, "the isolation proof found that people were told otherwise than the rules say");
}

const BATCH = 1000;

/** Deletes what no later proof will ask for, a little at a time. */
async function forget(db: Db): Promise<void> {
  for (let deleted = BATCH; deleted === BATCH; ) {
    const { numAffectedRows } = await sql`
      delete from past_states where id in (
        select id from past_states where until < now() - interval '15 days' order by until limit ${BATCH}
      )`.execute(db);
    deleted = Number(numAffectedRows ?? 0);
  }
  await sql`delete from proofs where ended_at < now() - interval '400 days'`.execute(db);
}
