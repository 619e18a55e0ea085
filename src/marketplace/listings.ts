import { sql } from "kysely";
import type { Viewer } from "../access.ts";
import { arrayOf, type Db, type ListingStatus } from "../db.ts";
import { NotFoundError } from "../errors.ts";

/** A listing as pages and live pushes show it; money in minor units of the currency, and the price is that of one unit. */
export type ListingView = {
  id: number;
  sellerId: number;
  sellerCompany: string;
  title: string;
  description: string;
  category: string;
  quantity: number;
  unit: string;
  priceMinor: number;
  currency: string;
  location: string;
  status: ListingStatus;
  version: number;
  reservedFor: number | null;
  /** Who that is, in words: for the seller and admins only. */
  reservedForName: string | null;
  reservedUntil: Date | null;
  /** When people are warned that this is near. */
  warnAt: Date | null;
  createdAt: Date;
  updatedAt: Date;
};

/** Who acts: what the actions need to know of the person signed in. */
export type Actor = Pick<Viewer, "id" | "role">;

/** The query of listings in the form of ListingView; the caller says which. */
export function readListings(db: Db) {
  return db
    .selectFrom("listings")
    .innerJoin("users as sellers", "sellers.id", "listings.seller_id")
    .leftJoin("users as buyers", "buyers.id", "listings.reserved_for")
    .select([
      "listings.id",
      "listings.seller_id as sellerId",
      "sellers.company as sellerCompany",
      "listings.title",
      "listings.description",
      "listings.category",
      "listings.quantity",
      "listings.unit",
      "listings.price_minor as priceMinor",
      "listings.currency",
      "listings.location",
      "listings.status",
      "listings.version",
      "listings.reserved_for as reservedFor",
      "listings.reserved_until as reservedUntil",
      "listings.created_at as createdAt",
      "listings.updated_at as updatedAt",
    ])
    .select(({ selectFrom }) =>
      selectFrom("reservations")
        .select("reservations.warn_at")
        .whereRef("reservations.listing_id", "=", "listings.id")
        .where("reservations.ended_at", "is", null)
        .as("warnAt"),
    )
    .select(({ fn, val, ref }) =>
      fn<string | null>("nullif", [
        fn("concat_ws", [val(", "), ref("buyers.name"), ref("buyers.company")]),
        val(""),
      ]).as("reservedForName"),
    );
}

/** Listings by their ids, in any state, in the order of the ids; what does not exist is left out. One query. */
export async function findListings(db: Db, ids: number[]): Promise<ListingView[]> {
  if (ids.length === 0) return [];
  // As one value, so that it is one statement for any number of them.
  const among = sql<number>`any(${arrayOf(ids)}::bigint[])`;
  const found = await readListings(db).where("listings.id", "=", among).execute();
  const byId = new Map(found.map((listing) => [listing.id, listing]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}

/**
 * Listings of any state that changed at or after a moment, the longest unchanged first. A change is stamped a little
 * before it commits, so whoever reads on from a moment should go back some seconds.
 * @param limit how many at the most
 */
export async function findListingsChangedSince(db: Db, since: Date, limit: number): Promise<ListingView[]> {
  return readListings(db)
    .where("listings.updated_at", ">=", since)
    .orderBy("listings.updated_at")
    .orderBy("listings.id")
    .limit(limit)
    .execute();
}

/**
 * A listing as this viewer may see it. A withdrawn one is there only for its seller, admins, and buyers who had to do
 * with it: who watch it, asked about it, or had it reserved.
 * @throws NotFoundError when there is none, or none for them
 */
export async function getListing(db: Db, viewer: Actor, id: number): Promise<ListingView> {
  const [listing] = await findListings(db, [id]);
  if (!listing) throw new NotFoundError();
  if (listing.status !== "withdrawn" || isKeeper(viewer, listing)) return listing;
  if (await isInvolved(db, viewer.id, id)) return listing;
  throw new NotFoundError();
}

/**
 * A listing that the actor may act upon: their own, or any for an admin.
 * @throws NotFoundError for all others, as if they were not there
 */
export async function getKeptListing(db: Db, actor: Actor, id: number): Promise<ListingView> {
  const [listing] = await findListings(db, [id]);
  if (!listing || !isKeeper(actor, listing)) throw new NotFoundError();
  return listing;
}

/** Whether a listing is the actor's to act upon. */
export function isKeeper(actor: Actor, listing: ListingView): boolean {
  return actor.role === "admin" || (actor.role === "seller" && listing.sellerId === actor.id);
}

/** Which actions fragment a viewer is shown. */
export function partFor(viewer: Actor, listing: ListingView): "owner" | "reserved" | "other" {
  if (isKeeper(viewer, listing)) return "owner";
  return listing.reservedFor === viewer.id ? "reserved" : "other";
}

async function isInvolved(db: Db, userId: number, listingId: number): Promise<boolean> {
  const { involved } = await db
    .selectNoFrom(({ or, exists, selectFrom }) =>
      or([
        exists(
          selectFrom("watches").where("listing_id", "=", listingId).where("user_id", "=", userId).select("user_id"),
        ),
        exists(selectFrom("enquiries").where("listing_id", "=", listingId).where("buyer_id", "=", userId).select("id")),
        exists(
          selectFrom("reservations").where("listing_id", "=", listingId).where("buyer_id", "=", userId).select("id"),
        ),
      ]).as("involved"),
    )
    .executeTakeFirstOrThrow();
  return Boolean(involved);
}
