import { type Kysely, sql } from "kysely";
import type { Database, Trx } from "../db.ts";
import { ConflictError, InvalidError } from "../errors.ts";
import { recordEvent } from "../events/record.ts";
import { aboutOf, changeListing, moveListing, type Target } from "./change.ts";
import { scheduleEnding } from "./ending.ts";
import { HOUR, MOST_HOURS, warningLead } from "./hours.ts";
import type { Actor, ListingView } from "./listings.ts";
import { requireStep } from "./status.ts";

/**
 * Keeps a reserved listing for its buyer for some hours more than until now.
 * @param hours added to the present end
 * @throws NotFoundError, ConflictError, and InvalidError when the end would be too far away
 */
export async function extendReservation(
  db: Kysely<Database>,
  actor: Actor,
  target: Target,
  hours: number,
): Promise<void> {
  await changeListing(db, actor, target, async (trx, listing) => {
    requireStep(listing, "extend");
    const reservation = await moveEnd(trx, listing, hours);
    const { buyer_id: buyerId, expires_at: until } = reservation;
    await moveListing(trx, listing, "extend", { buyerId, until });
    await scheduleEnding(trx, reservation);
    const data = { ...aboutOf(listing), buyerId, hours, until: until.toISOString() };
    await recordEvent(trx, { kind: "reservation_extended", actorId: actor.id, listingId: listing.id, data });
  });
}

async function moveEnd(trx: Trx, listing: ListingView, hours: number) {
  const { id, left } = await trx
    .selectFrom("reservations")
    .select(["id", sql<number>`extract(epoch from expires_at - clock_timestamp())::float8 * 1000`.as("left")])
    .where("listing_id", "=", listing.id)
    .where("ended_at", "is", null)
    .executeTakeFirstOrThrow();
  // Its end is a matter of moments, which the queue has in hand.
  if (left <= 0) throw new ConflictError(OVER, listing.id);
  const longest = MOST_HOURS - left / HOUR;
  if (hours > longest) throw new InvalidError({ hours: tooLong(Math.floor(longest)) });
  const until = sql<Date>`expires_at + make_interval(hours => ${hours})`;
  // Who has just heard that it lasts longer is not to be warned at once, however long it lasted before.
  const lead = warningLead(left + hours * HOUR);
  return trx
    .updateTable("reservations")
    .set({ expires_at: until, warn_at: sql<Date>`${until} - ${lead} * interval '1 ms'`, warned_at: null })
    .where("id", "=", id)
    .returning(["id", "buyer_id", "expires_at", "warn_at"])
    .executeTakeFirstOrThrow();
}

const OVER = "The time of this reservation is over: the listing is about to be available again.";

function tooLong(most: number): string {
  const limit = `it can be kept for ${MOST_HOURS} hours (30 days) from now at the most.`;
  if (most < 1) return `It cannot be extended yet: ${limit}`;
  return `Enter ${most} ${most === 1 ? "hour" : "hours or fewer"}: ${limit}`;
}
