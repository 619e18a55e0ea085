import { type Kysely, sql } from "kysely";
import type { Database } from "../db.ts";
import { editsBetween, type Terms, type TermsChange } from "../events/edits.ts";
import { recordEvent } from "../events/record.ts";
import { aboutOf, changeListing, type Target } from "./change.ts";
import type { ListingInput } from "./listing-form.ts";
import type { Actor, ListingView } from "./listings.ts";
import { requireOpen } from "./status.ts";

/**
 * Puts stock on the market.
 * @returns the new listing's id
 */
export async function publishListing(db: Kysely<Database>, seller: Actor, input: ListingInput): Promise<number> {
  return db.transaction().execute(async (trx) => {
    const { id } = await trx
      .insertInto("listings")
      .values({ seller_id: seller.id, ...columnsOf(input) })
      .returning("id")
      .executeTakeFirstOrThrow();
    const { title, priceMinor, currency } = input;
    const data = { title, sellerId: seller.id, priceMinor, currency };
    await recordEvent(trx, { kind: "listing_published", actorId: seller.id, listingId: id, data });
    return id;
  });
}

/**
 * Changes what is said of a listing that can still be had. Saying the same again changes nothing and tells nobody.
 * @throws NotFoundError, ConflictError
 */
export async function updateListing(
  db: Kysely<Database>,
  actor: Actor,
  target: Target,
  input: ListingInput,
): Promise<void> {
  await changeListing(db, actor, target, async (trx, listing) => {
    requireOpen(listing, "edited");
    const terms = changeOf(listing, input);
    const edits = editsBetween(terms);
    if (Object.keys(edits).length === 0) return;
    await trx
      .updateTable("listings")
      .set({ ...columnsOf(input), version: listing.version + 1, updated_at: sql`clock_timestamp()` })
      .where("id", "=", listing.id)
      .execute();
    const { title, currency, unit } = input;
    const data = { ...aboutOf(listing), title, edits, currency, unit, terms, reservedFor: listing.reservedFor };
    await recordEvent(trx, { kind: "listing_updated", actorId: actor.id, listingId: listing.id, data });
  });
}

function columnsOf({ priceMinor, ...rest }: ListingInput) {
  return { ...rest, price_minor: priceMinor };
}

function changeOf(before: ListingView, after: ListingInput): TermsChange {
  const texts = ["title", "description", "category", "location"] as const;
  const text = texts.some((field) => before[field] !== after[field]);
  return { before: termsOf(before), after: termsOf(after), text };
}

function termsOf({ priceMinor, currency, quantity, unit }: Terms): Terms {
  return { priceMinor, currency, quantity, unit };
}
