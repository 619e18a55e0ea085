import { type Kysely, sql } from "kysely";
import type { Bus, BusMessage } from "../bus.ts";
import type { Database, Db, Trx } from "../db.ts";
import { findEvent, type LoggedEvent, readEvents } from "../events/log.ts";
import type { Log } from "../log.ts";
import { addJob } from "../queue.ts";
import { audienceOf } from "./audience.ts";
import type { Reason } from "./kinds.ts";

type Parts = { db: Kysely<Database>; bus: Bus; log: Log };

/** One recipient's share of an event: the number it has in their inbox, and how the inbox stands with it. */
type Delivery = {
  userId: number;
  seq: number;
  reason: Reason;
  unseen: number;
  revision: number;
  createdAt: Date;
};

type Delivered = { event: LoggedEvent; deliveries: Delivery[] };

/**
 * Tells of an event everybody whom it concerns: stores their notifications, each with its recipient's next number, and
 * after the commit rings the bus. Events of one listing are delivered in the order in which they happened, whatever
 * the order of their jobs or any clock says: whoever holds the listing's lane delivers all that wait in it. Safe to run
 * twice, and to be killed, at any point.
 * @param attempt 1 the first time that the job runs
 * @throws what the database says, to be tried again
 */
export async function deliverEvent(parts: Parts, eventId: number, attempt = 1): Promise<void> {
  const event = await findEvent(parts.db, eventId);
  if (!event) return;
  if (event.deliveredAt) return attempt > 1 ? announceAgain(parts, event) : undefined;
  const failed: number[] = [];
  do {
    const step = await nextInLane(parts, event, failed);
    if (step === "empty") return;
    // Whoever holds the lane looks again after each delivery and so takes this one too, unless it is killed first.
    if (step === "busy") return lookAgain(parts, event);
    await ring(parts, step.event, step.deliveries);
  } while (await waiting(parts.db, event, failed).select("events.id").executeTakeFirst());
}

/** One look for each lane is enough: the newest event there is delivered after all that wait before it. */
function lookAgain({ db }: Parts, { id, listingId }: LoggedEvent): Promise<void> {
  return addJob(db, "deliver_event", { eventId: id }, { delayMs: 1000, key: `lane ${listingId}` });
}

/** Delivers the oldest waiting event of the lane. One that fails does not keep the others waiting. */
async function nextInLane(parts: Parts, own: LoggedEvent, failed: number[]): Promise<Delivered | "empty" | "busy"> {
  let taken: LoggedEvent | undefined;
  try {
    return await parts.db.transaction().execute(async (trx) => {
      if (!(await takeLane(trx, own))) return "busy";
      taken = (await waiting(trx, own, failed).executeTakeFirst()) as LoggedEvent | undefined;
      if (!taken) return "empty";
      return { event: taken, deliveries: await store(trx, taken) };
    });
  } catch (error) {
    if (!taken || taken.id === own.id) throw error;
    parts.log.warn(
      { err: error, event: taken.id },
      "an earlier event could not be delivered; its own job will try again",
    );
    failed.push(taken.id);
    return nextInLane(parts, own, failed);
  }
}

async function takeLane(trx: Trx, event: LoggedEvent): Promise<boolean> {
  const lane = event.listingId === null ? `event ${event.id}` : `listing ${event.listingId}`;
  const { rows } = await sql<{ taken: boolean }>`
    select pg_try_advisory_xact_lock(hashtextextended(${lane}, 712003)) as taken`.execute(trx);
  return rows[0]?.taken ?? false;
}

function waiting(db: Db, own: LoggedEvent, failed: number[]) {
  let query = readEvents(db).where("events.delivered_at", "is", null).orderBy("events.id").limit(1);
  query =
    own.listingId === null
      ? query.where("events.id", "=", own.id)
      : query.where("events.listing_id", "=", own.listingId);
  return failed.length > 0 ? query.where("events.id", "not in", failed) : query;
}

/**
 * Locks the recipients' inboxes in the order of user ids, bumps and inserts, all in one statement and last in the
 * transaction: the locks are held for a moment, and a recipient's numbers are given out in the order of commits.
 */
async function store(trx: Trx, event: LoggedEvent): Promise<Delivery[]> {
  await trx.updateTable("events").set({ delivered_at: sql`clock_timestamp()` }).where("id", "=", event.id).execute();
  const { rows } = await sql<Delivery>`
    with delivered as (update events set delivered_at = clock_timestamp() where id = ${event.id} returning id),
    told as materialized (select * from (${audienceOf(event)}) audience where exists (select from delivered)),
    fresh as materialized (
      select told.user_id, told.reason from told
      where not exists (
        select 1 from notifications
        where notifications.recipient_id = told.user_id and notifications.event_id = ${event.id}
      )
    ),
    locked as materialized (
      select inboxes.user_id, fresh.reason
      from fresh join inboxes on inboxes.user_id = fresh.user_id
      order by inboxes.user_id
      for no key update of inboxes
    ),
    bumped as (
      update inboxes
      set last_seq = last_seq + 1, unread = unread + 1, unseen = unseen + 1, revision = revision + 1
      from locked
      where inboxes.user_id = locked.user_id
      returning inboxes.user_id, last_seq, unseen, revision, locked.reason, clock_timestamp() as at
    ),
    stored as (
      insert into notifications (recipient_id, seq, event_id, reason, created_at)
      select user_id, last_seq, ${event.id}, reason, at from bumped
    )
    select user_id as "userId", last_seq as seq, reason, unseen, revision, at as "createdAt" from bumped`.execute(trx);
  return rows;
}

/** The worker may have been killed between its commit and the bell: whoever has heard already ignores the number. */
async function announceAgain(parts: Parts, event: LoggedEvent): Promise<void> {
  const deliveries = await parts.db
    .selectFrom("notifications")
    .innerJoin("inboxes", "inboxes.user_id", "notifications.recipient_id")
    .select(["recipient_id as userId", "seq", "reason", "unseen", "revision", "notifications.created_at as createdAt"])
    .where("event_id", "=", event.id)
    .execute();
  await ring(parts, event, deliveries as Delivery[]);
}

async function ring({ bus, log }: Parts, event: LoggedEvent, deliveries: Delivery[]): Promise<void> {
  const messages: BusMessage[] = deliveries.map((delivery) => ({
    channel: `user:${delivery.userId}`,
    body: JSON.stringify({ type: "toast", ...delivery, event }),
  }));
  if (event.listingId !== null) {
    const news = JSON.stringify({ type: "market", listingId: event.listingId, sellerId: event.data.sellerId });
    for (const role of ["buyer", "seller", "admin"]) messages.push({ channel: `role:${role}`, body: news });
  }
  messages.push({ channel: "role:admin", body: JSON.stringify({ type: "oversight", event }) });
  // A bell that cannot ring is not a failure: what is stored is found by the next sweep.
  await bus.publish(messages).catch((error) => log.warn({ err: error, event: event.id }, "the bus did not ring"));
}
