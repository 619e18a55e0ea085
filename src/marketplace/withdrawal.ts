import type { Kysely } from "kysely";
import type { Database } from "../db.ts";
import { recordEvent } from "../events/record.ts";
import { aboutOf, changeListing, moveListing, type Target } from "./change.ts";
import type { Actor } from "./listings.ts";
import { endReservation } from "./reservations.ts";

/** Takes a listing off the market, and its reservation with it. @throws NotFoundError, ConflictError */
export async function withdrawListing(db: Kysely<Database>, actor: Actor, target: Target): Promise<void> {
  await changeListing(db, actor, target, async (trx, listing) => {
    await moveListing(trx, listing, "withdraw");
    const buyerId = listing.reservedFor && (await endReservation(trx, listing, "withdrawn"));
    const data = { ...aboutOf(listing), buyerId };
    await recordEvent(trx, { kind: "listing_withdrawn", actorId: actor.id, listingId: listing.id, data });
  });
}

/** Puts a withdrawn listing on the market again. @throws NotFoundError, ConflictError */
export async function relistListing(db: Kysely<Database>, actor: Actor, target: Target): Promise<void> {
  await changeListing(db, actor, target, async (trx, listing) => {
    await moveListing(trx, listing, "relist");
    const data = { ...aboutOf(listing), priceMinor: listing.priceMinor, currency: listing.currency };
    await recordEvent(trx, { kind: "listing_relisted", actorId: actor.id, listingId: listing.id, data });
  });
}
