import { type RawBuilder, sql } from "kysely";
import type { Trx } from "../db.ts";
import { addJob, jobFrom } from "../queue.ts";
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
  const { kind, listingId } = event;
  const payload = sql`json_build_object('eventId', event.id, 'listingId', ${listingId}::bigint)`;
  const job = kind === "announcement" ? sql`select` : jobFrom("deliver_event", "event", payload);
  const { rows } = await sql<{ id: number; queued: boolean }>`
    with event as (${insertion(event)}), job as (${job})
    select id, exists (select from job) as queued from event`.execute(trx);
  const [{ id, queued }] = rows as [(typeof rows)[number]];
  if (!queued) await addJob(trx, "deliver_event", { eventId: id, listingId });
  return id;
}

function insertion({ kind, actorId, listingId, enquiryId, data }: NewEvent): RawBuilder<unknown> {
  const deliveredAt = kind === "announcement" ? sql`clock_timestamp()` : null;
  return sql`
    insert into events (kind, actor_id, listing_id, enquiry_id, data, delivered_at)
    values (${kind}, ${actorId}, ${listingId}, ${enquiryId ?? null}, ${JSON.stringify(data)}, ${deliveredAt})
    returning id`;
}
