import type { Trx } from "../db.ts";
import { addJob } from "../queue.ts";
import type { NewEvent } from "./catalogue.ts";

/**
 * Writes an event into the log and the job that will tell of it, in the caller's transaction: a change that is rolled
 * back tells nobody, one that is committed cannot be forgotten.
 * @param trx the transaction that makes the change; it must hold the lock of the listing or of the enquiry, so that
 *   the ids of what happens to one thing are in the order in which it happened
 * @returns the event's id
 */
export async function recordEvent(trx: Trx, event: NewEvent): Promise<number> {
  const { id } = await trx
    .insertInto("events")
    .values({
      kind: event.kind,
      actor_id: event.actorId,
      listing_id: event.listingId,
      enquiry_id: event.enquiryId ?? null,
      data: JSON.stringify(event.data),
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  await addJob(trx, "deliver_event", { eventId: id });
  return id;
}
