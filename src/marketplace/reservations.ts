import { type Kysely, sql } from "kysely";
import type { Database, ReservationEnd, Trx } from "../db.ts";
import { InvalidError } from "../errors.ts";
import { recordEvent } from "../events/record.ts";
import { aboutOf, changeListing, lockListing, moveListing, type Target } from "./change.ts";
import { findOpenReservation, scheduleEnding } from "./ending.ts";
import { HOUR, warningLead } from "./hours.ts";
import type { Actor, ListingView } from "./listings.ts";
import { mayStep, requireStep } from "./status.ts";

/** For whom, and for how many hours from now. */
export type ReservationInput = { buyerId: number; hours: number };

/**
 * Keeps a listing for one buyer until the hours are over.
 * @throws NotFoundError, ConflictError, and InvalidError when there is no such active buyer
 */
export async function reserveListing(
  db: Kysely<Database>,
  actor: Actor,
  target: Target,
  { buyerId, hours }: ReservationInput,
): Promise<void> {
  await changeListing(db, actor, target, async (trx, listing) => {
    requireStep(listing, "reserve");
    await requireBuyer(trx, buyerId);
    const reservation = await insertReservation(trx, listing, { buyerId, hours });
    const until = reservation.expires_at;
    await moveListing(trx, listing, "reserve", { buyerId, until });
    await scheduleEnding(trx, reservation);
    const data = { ...aboutOf(listing), buyerId, until: until.toISOString() };
    await recordEvent(trx, { kind: "listing_reserved", actorId: actor.id, listingId: listing.id, data });
  });
}

/** Gives a reserved listing back to the market. @throws NotFoundError, ConflictError */
export async function releaseListing(db: Kysely<Database>, actor: Actor, target: Target): Promise<void> {
  await changeListing(db, actor, target, async (trx, listing) => {
    await moveListing(trx, listing, "release");
    const buyerId = await endReservation(trx, listing, "released");
    const data = { ...aboutOf(listing), buyerId };
    await recordEvent(trx, { kind: "listing_released", actorId: actor.id, listingId: listing.id, data });
  });
}

/** Sells a reserved listing to the buyer that it is reserved for. @throws NotFoundError, ConflictError */
export async function sellListing(db: Kysely<Database>, actor: Actor, target: Target): Promise<void> {
  await changeListing(db, actor, target, async (trx, listing) => {
    await moveListing(trx, listing, "sell");
    const buyerId = await endReservation(trx, listing, "sold");
    const data = { ...aboutOf(listing), buyerId };
    await recordEvent(trx, { kind: "listing_sold", actorId: actor.id, listingId: listing.id, data });
  });
}

/**
 * Gives the listing back to the market when a reservation's hours are over; the queue calls it then. Does nothing when
 * somebody acted first, when the reservation lasts longer by now, and nothing when called twice.
 */
export async function expireReservation(db: Kysely<Database>, reservationId: number): Promise<void> {
  const found = await findOpenReservation(db, reservationId);
  if (!found) return;
  await db.transaction().execute(async (trx) => {
    const listing = await lockListing(trx, found.listing_id);
    const still = await findOpenReservation(trx, reservationId);
    if (!listing || !still || !mayStep(listing.status, "release")) return;
    // A job from before an extension; or the clock was set back, and then this was the only one.
    if (!still.over) return scheduleEnding(trx, still);
    await moveListing(trx, listing, "release");
    const buyerId = await endReservation(trx, listing, "expired");
    const data = { ...aboutOf(listing), buyerId };
    await recordEvent(trx, { kind: "reservation_expired", actorId: null, listingId: listing.id, data });
  });
}

/**
 * Closes the books on a listing's reservation; the listing's lock must be held.
 * @returns the buyer it was for
 */
export async function endReservation(trx: Trx, listing: ListingView, outcome: ReservationEnd): Promise<number> {
  const { buyer_id } = await trx
    .updateTable("reservations")
    .set({ ended_at: sql`clock_timestamp()`, outcome })
    .where("listing_id", "=", listing.id)
    .where("ended_at", "is", null)
    .returning("buyer_id")
    .executeTakeFirstOrThrow();
  return buyer_id;
}

async function requireBuyer(trx: Trx, id: number): Promise<void> {
  const found = await trx
    .selectFrom("users")
    .select("id")
    .where("id", "=", id)
    .where("role", "=", "buyer")
    .where("status", "=", "active")
    .executeTakeFirst();
  if (!found) throw new InvalidError({ buyer: "There is no active buyer like that." });
}

function insertReservation(trx: Trx, listing: ListingView, { buyerId, hours }: ReservationInput) {
  // The times travel through JavaScript's milliseconds on their way to the queue, so they are made of whole ones.
  const until = sql<Date>`date_trunc('milliseconds', clock_timestamp()) + make_interval(hours => ${hours})`;
  const warnAt = sql<Date>`${until} - ${warningLead(hours * HOUR)} * interval '1 ms'`;
  return trx
    .insertInto("reservations")
    .values({ listing_id: listing.id, buyer_id: buyerId, expires_at: until, warn_at: warnAt })
    .returning(["id", "expires_at", "warn_at"])
    .executeTakeFirstOrThrow();
}
