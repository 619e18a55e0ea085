import { type Kysely, sql } from "kysely";
import type { Database, Db, Trx } from "../db.ts";
import { recordEvent } from "../events/record.ts";
import { addJob } from "../queue.ts";
import { aboutOf, lockListing } from "./change.ts";

/** A reservation's end, and when people are warned of it; null for one that was made before there were warnings. */
export type Ending = { id: number; expires_at: Date; warn_at: Date | null };

/** Has the queue warn of a reservation's end and then end it. Where that is in the queue already, it is moved. */
export async function scheduleEnding(trx: Trx, { id, expires_at, warn_at }: Ending): Promise<void> {
  const payload = { reservationId: id };
  await addJob(trx, "expire_reservation", payload, { runAt: expires_at, key: `expire_reservation:${id}` });
  if (!warn_at) return;
  await addJob(trx, "warn_of_expiry", payload, { runAt: warn_at, key: `warn_of_expiry:${id}` });
}

/**
 * Tells that a reservation runs out soon; the queue calls it when that is so. Does nothing when somebody acted first, when
 * its end is not near any more or is past, and nothing when called twice: of one end people are warned once.
 */
export async function warnOfExpiry(db: Kysely<Database>, reservationId: number): Promise<void> {
  const found = await findOpenReservation(db, reservationId);
  if (!found) return;
  await db.transaction().execute(async (trx) => {
    const listing = await lockListing(trx, found.listing_id);
    const warned = listing && (await noteWarning(trx, reservationId));
    if (!warned) return;
    const data = { ...aboutOf(listing), buyerId: warned.buyer_id, until: warned.expires_at.toISOString() };
    await recordEvent(trx, { kind: "reservation_ending", actorId: null, listingId: listing.id, data });
  });
}

/** A reservation that nobody has ended, if it is one; `over` tells whether its time is, by the database's clock. */
export function findOpenReservation(db: Db, id: number) {
  return db
    .selectFrom("reservations")
    .select(["id", "listing_id", "expires_at", "warn_at"])
    .select(sql<boolean>`expires_at <= clock_timestamp()`.as("over"))
    .where("id", "=", id)
    .where("ended_at", "is", null)
    .executeTakeFirst();
}

function noteWarning(trx: Trx, id: number) {
  return trx
    .updateTable("reservations")
    .set({ warned_at: sql`clock_timestamp()` })
    .where("id", "=", id)
    .where("ended_at", "is", null)
    .where("warned_at", "is", null)
    .where(sql<boolean>`clock_timestamp() >= warn_at and clock_timestamp() < expires_at`)
    .returning(["buyer_id", "expires_at"])
    .executeTakeFirst();
}
