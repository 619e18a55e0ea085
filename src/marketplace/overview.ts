import { sql } from "kysely";
import type { Db, ListingStatus } from "../db.ts";
import { type ListingView, readListings } from "./listings.ts";

/** A seller's open listing with how many people watch it and how many asked about it. */
export type WatchedListing = ListingView & { watchers: number; enquiries: number };

/** What is reserved for a buyer right now, the first to run out first. */
export async function findReservedFor(db: Db, buyerId: number): Promise<ListingView[]> {
  return readListings(db).where("listings.reserved_for", "=", buyerId).orderBy("listings.reserved_until").execute();
}

/** What a seller has reserved for buyers right now, the first to run out first. @param limit how many at the most */
export async function findReservedBy(db: Db, sellerId: number, limit: number): Promise<ListingView[]> {
  return readListings(db)
    .where("listings.seller_id", "=", sellerId)
    .where("listings.status", "=", "reserved")
    .orderBy("listings.reserved_until")
    .limit(limit)
    .execute();
}

/** How many listings a seller has in each state. */
export async function countByStatus(db: Db, sellerId: number): Promise<Record<ListingStatus, number>> {
  const counts = await db
    .selectFrom("listings")
    .select(({ fn }) => ["status", fn.countAll<number>().as("listings")])
    .where("seller_id", "=", sellerId)
    .groupBy("status")
    .execute();
  const none = { available: 0, reserved: 0, sold: 0, withdrawn: 0 };
  return { ...none, ...Object.fromEntries(counts.map(({ status, listings }) => [status, listings])) };
}

/** A seller's listings that can still be had, those that most people watch first. @param limit how many at the most */
export async function findMostWatched(db: Db, sellerId: number, limit: number): Promise<WatchedListing[]> {
  return readListings(db)
    .select([
      sql<number>`(select count(*) from watches where watches.listing_id = listings.id)`.as("watchers"),
      sql<number>`(select count(*) from enquiries where enquiries.listing_id = listings.id)`.as("enquiries"),
    ])
    .where("listings.seller_id", "=", sellerId)
    .where("listings.status", "in", ["available", "reserved"])
    .orderBy("watchers", "desc")
    .orderBy("listings.id", "desc")
    .limit(limit)
    .execute();
}
