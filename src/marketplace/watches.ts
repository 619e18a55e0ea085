import type { Db } from "../db.ts";
import { type Actor, getListing, type ListingView, readListings } from "./listings.ts";

/** From now on the buyer hears of what happens to a listing. Watching twice is watching once. @throws NotFoundError */
export async function watchListing(db: Db, buyer: Actor, listingId: number): Promise<ListingView> {
  const listing = await getListing(db, buyer, listingId);
  await db
    .insertInto("watches")
    .values({ user_id: buyer.id, listing_id: listingId })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return listing;
}

/** The buyer no longer hears of it. @throws NotFoundError */
export async function unwatchListing(db: Db, buyer: Actor, listingId: number): Promise<ListingView> {
  const listing = await getListing(db, buyer, listingId);
  await db.deleteFrom("watches").where("user_id", "=", buyer.id).where("listing_id", "=", listingId).execute();
  return listing;
}

export async function isWatching(db: Db, userId: number, listingId: number): Promise<boolean> {
  const found = await db
    .selectFrom("watches")
    .select("user_id")
    .where("user_id", "=", userId)
    .where("listing_id", "=", listingId)
    .executeTakeFirst();
  return found !== undefined;
}

/** What somebody watches, the last begun first. @param limit how many at the most */
export async function findWatched(db: Db, userId: number, limit: number): Promise<ListingView[]> {
  return readListings(db)
    .innerJoin("watches", "watches.listing_id", "listings.id")
    .where("watches.user_id", "=", userId)
    .orderBy("watches.created_at", "desc")
    .orderBy("listings.id", "desc")
    .limit(limit)
    .execute();
}

/** How many people watch a listing. */
export async function countWatchers(db: Db, listingId: number): Promise<number> {
  const { watchers } = await db
    .selectFrom("watches")
    .select(({ fn }) => fn.countAll<number>().as("watchers"))
    .where("listing_id", "=", listingId)
    .executeTakeFirstOrThrow();
  return watchers;
}
