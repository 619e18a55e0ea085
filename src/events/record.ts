import { sql } from "kysely";
import type { Trx } from "../db.ts";
import { addJob } from "../queue.ts";
import type { NewEvent } from "./catalogue.ts";

/**
 * Writes an event into the log and the job that will tell of it, in the caller's transaction: a change that is rolled
 * back tells nobody, one that is committed cannot be forgotten.
 * An announcement gets no such job: it is told in batches by jobs of its own (notifications/broadcast.ts), and counts as
 * delivered from the beginning, so that nothing that looks for events that wait tells everybody of it at once.
 * @param trx the transaction that makes the change; it must hold the lock of the listing or of the enquiry, so that
 *   the ids of what happens to one thing are in the order in which it happened
 * @returns the event's id
 */
export async function recordEvent(trx: Trx, event: NewEvent): Promise<number> {
  const inBatches = event.kind === "announcement";
  const { id } = await trx
    .insertInto("events")
    .values({
      kind: event.kind,
      actor_id: event.actorId,
      listing_id: event.listingId,
      enquiry_id: event.enquiryId ?? null,
      data: JSON.stringify(event.data),
      delivered_at: inBatches ? sql<Date>`clock_timestamp()` : null,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  if (!inBatches) await addJob(trx, "deliver_event", { eventId: id });
  return id;
}
