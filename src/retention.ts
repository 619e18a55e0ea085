import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Database } from "./db.ts";
import { deleteOldNotifications } from "./notifications/retention.ts";
import { addJob, type Jobs } from "./queue.ts";

/** Rows in one transaction: it takes ten milliseconds, so that whoever meets its locks hardly notices. */
const BATCH = 250;
/** So long a run works, and then makes way for the other jobs of its worker; what is left is for the next, soon after. */
const RUN_MS = 250;
const PAUSE_MS = 500;
/** Within the hour there is no successor any more: the next hour's run begins from the beginning. */
const MOST_MS = 55 * 60_000;

/** Deletes a batch, beginning at a place. @returns the place to go on from; null when there is nothing left to delete */
type Step = (db: Kysely<Database>, days: number, from: number) => Promise<number | null>;

/**
 * What is deleted, in this order: an event can only go when no notification and no announcement refers to it. With an
 * event goes whom it was not told to, and with a notification when it was on a screen. Expired sessions are
 * not here, since the web processes' session store deletes them every quarter of an hour.
 */
const STEPS: Record<string, Step> = {
  notifications: (db, days, from) => deleteOldNotifications(db, days, from, BATCH),
  announcements: (db, days) => deleteRows(db, oldAnnouncements(days)),
  events: (db, days) => deleteRows(db, oldEvents(days)),
  proofs: (db, days) => deleteRows(db, oldProofs(days)),
  throttles: (db) => deleteRows(db, oldThrottles),
  audit_log: (db) => deleteRows(db, oldAudit),
};

/**
 * Deletes what is older than so many days, for a quarter of a second, and leaves the rest to a job that goes on from
 * there. Safe to run twice or several at once, and to be killed at any point: each batch is a transaction of its own.
 * @param job.place where an earlier run has stopped; from the beginning if left out
 * @param job.since when the first of these runs began, in ms
 */
export async function deleteOld(
  db: Kysely<Database>,
  days: number,
  { place, since = Date.now() }: Jobs["delete_old"],
): Promise<void> {
  const until = performance.now() + RUN_MS;
  let next = place ?? beginning();
  do {
    next = await goOn(db, days, next);
  } while (next && performance.now() < until);
  if (next && Date.now() < since + MOST_MS) {
    await addJob(db, "delete_old", { place: next, since }, { delayMs: PAUSE_MS });
  }
}

type Place = { what: string; from: number };

function beginning(after?: string): Place | undefined {
  const names = Object.keys(STEPS);
  const what = names[after === undefined ? 0 : names.indexOf(after) + 1];
  return what === undefined ? undefined : { what, from: 0 };
}

async function goOn(db: Kysely<Database>, days: number, place: Place | undefined): Promise<Place | undefined> {
  const step = place && STEPS[place.what];
  if (!step) return undefined;
  const from = await step(db, days, place.from);
  return from === null ? beginning(place.what) : { what: place.what, from };
}

/** What is to go from a table: its key, the column that says how old a row is, and the rows. */
type Old = {
  table: "announcements" | "events" | "proofs" | "throttles" | "audit_log";
  key: string;
  by: string;
  rows: RawBuilder<boolean>;
};

/** Rows that somebody else has locked are left to the next time. */
async function deleteRows(db: Kysely<Database>, { table, key, by, rows }: Old): Promise<number | null> {
  const { numAffectedRows } = await sql`
    delete from ${sql.table(table)} where ${sql.ref(key)} = any(array(
      select ${sql.ref(key)} from ${sql.table(table)} where ${rows}
      order by ${sql.ref(by)} limit ${BATCH} for update skip locked))`.execute(db);
  return numAffectedRows === BigInt(BATCH) ? 0 : null;
}

/** Announcements that are over, of which no inbox tells any more. */
function oldAnnouncements(days: number): Old {
  const rows = sql<boolean>`
    created_at < now() - ${days} * interval '24 hours' and state not in ('sending', 'recalling')
    and (select event_id from notifications where event_id = announcements.event_id limit 1) is null`;
  return { table: "announcements", key: "id", by: "created_at", rows };
}

/**
 * Events that have been delivered, of which no inbox tells any more. What waits to be delivered stays, however old, and
 * with it what its job needs. A subquery with a limit is never turned into a scan of all notifications.
 */
function oldEvents(days: number): Old {
  const rows = sql<boolean>`
    occurred_at < now() - ${days} * interval '24 hours' and delivered_at is not null
    and (select event_id from notifications where event_id = events.id limit 1) is null
    and (select event_id from announcements where event_id = events.id limit 1) is null`;
  return { table: "events", key: "id", by: "occurred_at", rows };
}

function oldProofs(days: number): Old {
  return { table: "proofs", key: "id", by: "id", rows: sql`ended_at < now() - ${days} * interval '24 hours'` };
}

const oldThrottles: Old = {
  ...{ table: "throttles", key: "key", by: "touched_at" },
  rows: sql`touched_at < now() - interval '24 hours'`,
};

// The database refuses to let go of younger ones, whatever is said here.
const oldAudit: Old = {
  ...{ table: "audit_log", key: "id", by: "at" },
  rows: sql`at < now() - interval '400 days'`,
};
