import { type RawBuilder, sql } from "kysely";
import type { Db } from "../db.ts";
import { NotFoundError } from "../errors.ts";
import type { Reason } from "./reasons.ts";
import { withPresent } from "./rights.ts";

/** A listing by the title that it had when its reader was last told of it. */
export type ToldListing = { id: number; title: string };

const MOST = 200;

/**
 * From now on the person hears no more of what happens to the listing. Muting twice is muting once.
 * @throws NotFoundError for a listing of which they have never been told
 */
export async function muteListing(db: Db, userId: number, listingId: number): Promise<ToldListing> {
  const listing = await getToldListing(db, userId, listingId);
  await db
    .insertInto("mutes")
    .values({ user_id: userId, listing_id: listingId })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return listing;
}

/** The person hears of it again. @throws NotFoundError as muteListing does */
export async function unmuteListing(db: Db, userId: number, listingId: number): Promise<ToldListing> {
  const listing = await getToldListing(db, userId, listingId);
  await db.deleteFrom("mutes").where("user_id", "=", userId).where("listing_id", "=", listingId).execute();
  return listing;
}

/** A listing of which the person has been told, if they have. */
export async function findToldListing(db: Db, userId: number, listingId: number): Promise<ToldListing | null> {
  const { rows } = await lastTitle(sql`${userId}::bigint`, sql`${listingId}::bigint`).execute(db);
  const [listing] = await named(
    db,
    userId,
    rows.map((row) => ({ ...row, id: listingId })),
  );
  return listing ?? null;
}

async function getToldListing(db: Db, userId: number, listingId: number): Promise<ToldListing> {
  const listing = await findToldListing(db, userId, listingId);
  if (!listing) throw new NotFoundError();
  return listing;
}

/** What a person has muted, the last first; 200 at the most. */
export async function findMuted(db: Db, userId: number): Promise<ToldListing[]> {
  const { rows } = await sql<Found & { id: number }>`
    select mutes.listing_id as id, told.title, told.reason
    from mutes
    join lateral (${lastTitle(sql.ref("mutes.user_id"), sql.ref("mutes.listing_id"))}) told on true
    where mutes.user_id = ${userId}
    order by mutes.created_at desc, mutes.listing_id desc
    limit ${MOST}`.execute(db);
  return named(db, userId, rows);
}

// What the listing is called by now may be nothing that this person may know. Looked for in their own inbox: a listing's
// history may be long, and hold nothing for them.
function lastTitle(userId: RawBuilder<unknown>, listingId: RawBuilder<unknown>): RawBuilder<Found> {
  return sql`
    select events.data ->> 'title' as title, notifications.reason
    from notifications
    join events on events.id = notifications.event_id
    where notifications.recipient_id = ${userId} and events.listing_id = ${listingId}
    order by notifications.seq desc
    limit 1`;
}

type Found = { title: string; reason: Reason };

/** The listings as their reader may know them by now. */
async function named(db: Db, userId: number, found: (Found & { id: number })[]): Promise<ToldListing[]> {
  const told = found.map((one) => ({ ...one, recipientId: userId, event: { listingId: one.id } }));
  return (await withPresent(db, told)).map(({ id, title, withheld }) => ({
    id,
    title: withheld ? "A listing" : title,
  }));
}
