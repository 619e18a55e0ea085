import type { Db } from "../db.ts";
import type { EventRow } from "./catalogue.ts";

/** An event with the company of whoever did it, as all may know it, and when it was delivered. */
export type LoggedEvent = EventRow & { actorCompany: string | null; deliveredAt: Date | null };

/** The query of events in the form of EventRow; the caller says which. */
export function readEvents(db: Db) {
  return db
    .selectFrom("events")
    .leftJoin("users as actors", "actors.id", "events.actor_id")
    .select([
      "events.id",
      "events.kind",
      "events.actor_id as actorId",
      "events.listing_id as listingId",
      "events.enquiry_id as enquiryId",
      "events.data",
      "events.occurred_at as occurredAt",
      "events.delivered_at as deliveredAt",
      "actors.company as actorCompany",
    ]);
}

/** One event by its id, if there is such an event. */
export async function findEvent(db: Db, id: number): Promise<LoggedEvent | undefined> {
  return (await readEvents(db).where("events.id", "=", id).executeTakeFirst()) as LoggedEvent | undefined;
}

/** What happened since a time, oldest first and the newest `limit` of it: for admins' pages that come back. */
export async function readSince(db: Db, since: Date, limit: number): Promise<LoggedEvent[]> {
  const rows = await readEvents(db)
    .where("events.occurred_at", ">=", since)
    .orderBy("events.id", "desc")
    .limit(limit)
    .execute();
  return rows.reverse() as LoggedEvent[];
}
