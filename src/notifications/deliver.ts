import { type Kysely, type SqlBool, sql } from "kysely";
import type { Bus } from "../bus.ts";
import type { Database, Db, Trx } from "../db.ts";
import { findEvent, type LoggedEvent, readEvents } from "../events/log.ts";
import type { Log } from "../log.ts";
import { isPassing } from "../passing.ts";
import { addJob } from "../queue.ts";
import { rightsAreRead } from "../rights-lock.ts";
import { type Ring, writeNews } from "./messages.ts";
import { byIndexes, type Delivery, type Range, store, storeHeld } from "./store.ts";

export type Parts = { db: Kysely<Database>; bus: Bus; log: Log };
type Delivered = { event: LoggedEvent; deliveries: Delivery[] };

// How often a lane waits for an error to pass, about ten seconds in all, before it goes on without the event.
const PATIENCE = 2;

/** An event, and the listing in whose lane it waits. */
type Place = Pick<LoggedEvent, "id" | "listingId">;

/**
 * Tells of an event everybody whom it concerns: stores their notifications, each with its recipient's next number, and
 * after the commit rings the bus. Events of one listing are delivered in the order in which they happened, whatever
 * the order of their jobs or any clock says: whoever holds the listing's lane delivers all that wait in it. One that
 * cannot be delivered leaves the lane: see deliverAlone. Safe to run twice, and to be killed, at any point.
 * @param attempt 1 the first time that the job runs
 * @param listingId as the event's job says it, so that the event need not be read for it; jobs of earlier releases do not
 * @throws what the database says while it may pass, to be tried again
 */
export async function deliverEvent(
  parts: Parts,
  eventId: number,
  attempt = 1,
  listingId?: number | null,
): Promise<void> {
  const known = attempt === 1 && listingId !== undefined;
  const event = known ? { id: eventId, listingId, deliveredAt: null } : await findEvent(parts.db, eventId);
  if (!event) return;
  if ("kind" in event && event.deliveredAt && attempt > 1) await ringAgain(parts, event);
  // Its own event being delivered, a job may still be the last to know of those that wait behind it.
  for (let more = !event.deliveredAt; more || (await isWaited(parts.db, event)); more = false) {
    const step = await nextInLane(parts, event, attempt);
    if (step === "empty") return;
    // Whoever holds the lane looks again after each delivery and so takes this one too, unless it is killed first.
    if (step === "busy") return lookAgain(parts, event);
    if (step !== "left") await ring(parts, step.event, step.deliveries);
  }
}

/**
 * Delivers an event that has left its listing's lane: late, after events that happened later. Its recipients get their
 * next numbers for it, and the time at which it happened.
 * @throws why it still cannot be delivered, to be tried again and in the end set aside
 */
export async function deliverAlone(parts: Parts, eventId: number, attempt = 1): Promise<void> {
  const event = await findEvent(parts.db, eventId);
  if (!event) return;
  if (event.deliveredAt) return attempt > 1 ? ringAgain(parts, event) : undefined;
  const deliveries = await parts.db.transaction().execute((trx) => store(trx, event));
  parts.log.warn({ event: event.id, listing: event.listingId }, "an event was delivered late, out of its lane");
  await ring(parts, event, deliveries);
}

/**
 * One look for each lane and second is enough: the newest event there is delivered after all that wait before it. The
 * second is in the key because the queue takes a job that runs for failed when another comes with its key.
 */
function lookAgain({ db }: Parts, { id, listingId }: Place): Promise<void> {
  const key = sql<string>`concat(${laneOf({ id, listingId })}::text, ' ', floor(extract(epoch from now())))`;
  return addJob(db, "deliver_event", { eventId: id, listingId }, { delayMs: 1000, key });
}

/** Delivers the oldest waiting event of the lane, or lets it leave the lane so that the others need not wait. */
async function nextInLane(parts: Parts, own: Place, attempt: number): Promise<Delivered | "empty" | "busy" | "left"> {
  let taken: LoggedEvent | undefined;
  try {
    return await parts.db.transaction().execute(async (trx) => {
      if (!(await takeLane(trx, own))) return "busy";
      taken = await takeWaiting(trx, own);
      if (!taken) return "empty";
      return { event: taken, deliveries: await storeHeld(trx, taken) };
    });
  } catch (error) {
    if (!taken || (isPassing(error) && attempt <= PATIENCE)) throw error;
    await leaveLane(parts, taken, error);
    return "left";
  }
}

/** From here on the event has a job of its own: exactly one, whoever else fails to deliver it at the same time. */
async function leaveLane({ db, log }: Parts, { id, listingId }: LoggedEvent, error: unknown): Promise<void> {
  log.warn({ err: error, event: id, listing: listingId }, "an event left its lane: its own job will try again");
  await db.transaction().execute(async (trx) => {
    const left = await trx
      .updateTable("events")
      .set({ left_lane_at: sql`clock_timestamp()` })
      .where("id", "=", id)
      .where("left_lane_at", "is", null)
      .where("delivered_at", "is", null)
      .returning("id")
      .executeTakeFirst();
    if (left) await addJob(trx, "deliver_alone", { eventId: id }, { delayMs: 1000 + Math.random() * 1000 });
  });
}

/** The lane, if it is free, and with it the rights, before what is read by them. */
async function takeLane(trx: Trx, own: Place): Promise<boolean> {
  const { rows } = await sql<{ taken: boolean }>`
    with lane as materialized (
      select pg_try_advisory_xact_lock(hashtextextended(${laneOf(own)}, 712003)) as taken
    )
    select taken, case when taken then (${rightsAreRead}) end, ${byIndexes} from lane`.execute(trx);
  return rows[0]?.taken ?? false;
}

function laneOf({ id, listingId }: Place): string {
  return listingId === null ? `event ${id}` : `listing ${listingId}`;
}

/** The oldest event that waits in the lane, held so that whoever delivers it alone comes before or after. */
async function takeWaiting(trx: Trx, own: Place): Promise<LoggedEvent | undefined> {
  const oldest = readEvents(trx).where(waits(own)).orderBy("events.id").limit(1).forNoKeyUpdate("events");
  return (await oldest.executeTakeFirst()) as LoggedEvent | undefined;
}

async function isWaited(db: Db, own: Place): Promise<boolean> {
  return (await db.selectFrom("events").select("id").where(waits(own)).limit(1).executeTakeFirst()) !== undefined;
}

function waits({ id, listingId }: Place) {
  const inLane = listingId === null ? sql`events.id = ${id}` : sql`events.listing_id = ${listingId}`;
  return sql<SqlBool>`events.delivered_at is null and events.left_lane_at is null and ${inLane}`;
}

/**
 * The worker may have been killed between its commit and the bell: whoever has heard already ignores the number, and of
 * what is no more nobody is to hear.
 */
export async function ringAgain(parts: Parts, event: LoggedEvent, among?: Range): Promise<void> {
  const deliveries = await parts.db
    .selectFrom("notifications")
    .innerJoin("inboxes", "inboxes.user_id", "notifications.recipient_id")
    .select(["recipient_id as userId", "seq", "reason", "unseen", "revision", "quiet", "edits as net"])
    .where("event_id", "=", event.id)
    .where("superseded_at", "is", null)
    .$if(among !== undefined, (query) =>
      query.where("recipient_id", ">", among?.after ?? 0).where("recipient_id", "<=", among?.upTo ?? 0),
    )
    .execute();
  await ring(parts, event, deliveries as Delivery[]);
}

/** Rings for those for whom an event has been stored, after the commit. */
export async function ring({ bus, log }: Parts, event: LoggedEvent, deliveries: Delivery[]): Promise<void> {
  const rings = deliveries.map((delivery) => ringOf(event, delivery));
  const messages = writeNews(event, rings).map((body) => ({ channel: "events", body }));
  // A bell that cannot ring is not a failure: what is stored is found by the next sweep.
  await bus.publish(messages).catch((error) => log.debug({ err: error, event: event.id }, "the bus did not ring"));
}

// Most are neither quiet nor folded: of ten thousand recipients that need not be said ten thousand times.
function ringOf(event: LoggedEvent, { quiet, net, ...delivery }: Delivery): Ring {
  return { eventId: event.id, ...delivery, ...(quiet && { quiet }), ...(net && { net }) };
}
