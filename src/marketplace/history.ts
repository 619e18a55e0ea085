import type { Db } from "../db.ts";
import type { EventKind } from "../events/catalogue.ts";
import type { Edits } from "../events/edits.ts";
import { type LoggedEvent, readEvents } from "../events/log.ts";
import { type Actor, isKeeper, type ListingView } from "./listings.ts";

/** One thing that happened to a listing, and not who did it. */
export type HistoryEntry = {
  id: number;
  kind: EventKind;
  at: Date;
  /** "you", or the buyer's name for the seller and admins; null for everybody else, who must not learn it. */
  buyer: string | null;
  /** By how many hours a reservation was extended. */
  hours: number | null;
  /** What was edited, with the unit and currency it was in. */
  edited: { edits: Edits; currency: string; unit: string } | null;
};

/** What happened to a listing as a viewer may know it, the latest first. @param limit how many at the most */
export async function findHistory(db: Db, viewer: Actor, listing: ListingView, limit: number): Promise<HistoryEntry[]> {
  const found = await readEvents(db)
    .where("events.listing_id", "=", listing.id)
    .where("events.kind", "in", told)
    .orderBy("events.id", "desc")
    .limit(limit)
    .execute();
  const events = found as LoggedEvent[];
  const names = isKeeper(viewer, listing)
    ? await findNames(
        db,
        events.flatMap((event) => buyerOf(event) ?? []),
      )
    : null;
  return events.map((event) => entryOf(event, viewer, names));
}

const told: EventKind[] = [
  "listing_published",
  "listing_updated",
  "listing_reserved",
  "reservation_extended",
  "listing_released",
  "reservation_expired",
  "listing_sold",
  "listing_withdrawn",
  "listing_relisted",
];

function entryOf(event: LoggedEvent, viewer: Actor, names: Map<number, string> | null): HistoryEntry {
  const buyerId = buyerOf(event);
  const name = buyerId === null ? null : (names?.get(buyerId) ?? null);
  return {
    id: event.id,
    kind: event.kind,
    at: event.occurredAt,
    buyer: buyerId === viewer.id ? "you" : name,
    hours: event.kind === "reservation_extended" ? event.data.hours : null,
    edited: event.kind === "listing_updated" ? event.data : null,
  };
}

function buyerOf(event: LoggedEvent): number | null {
  return "buyerId" in event.data ? event.data.buyerId : null;
}

async function findNames(db: Db, ids: number[]): Promise<Map<number, string>> {
  if (ids.length === 0) return new Map();
  const people = await db.selectFrom("users").select(["id", "name", "company"]).where("id", "in", ids).execute();
  return new Map(people.map(({ id, name, company }) => [id, `${name}, ${company}`]));
}
