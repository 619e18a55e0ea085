import { sql } from "kysely";
import type { Trx } from "../db.ts";
import type { LoggedEvent } from "../events/log.ts";
import { audienceOf } from "./audience.ts";
import type { Reason } from "./kinds.ts";

/** One recipient's share of an event: the number it has in their inbox, and how the inbox stands with it. */
export type Delivery = {
  userId: number;
  seq: number;
  reason: Reason;
  unseen: number;
  revision: number;
};

/**
 * Stores the notifications of an event, once for each recipient, and that it is delivered.
 * Locks the recipients' inboxes in the order of user ids, bumps and inserts, all in one statement and last in the
 * transaction: the locks are held for a moment, and a recipient's numbers are given out in the order of commits.
 */
export async function store(trx: Trx, event: LoggedEvent): Promise<Delivery[]> {
  await trx.updateTable("events").set({ delivered_at: sql`clock_timestamp()` }).where("id", "=", event.id).execute();
  const { rows } = await sql<Delivery>`
    with delivered as (update events set delivered_at = clock_timestamp() where id = ${event.id} returning id),
    told as materialized (select * from (${audienceOf(event)}) audience where exists (select from delivered)),
    fresh as materialized (
      select told.user_id, told.reason from told
      where not exists (
        select 1 from notifications
        where notifications.recipient_id = told.user_id and notifications.event_id = ${event.id}
      )
    ),
    locked as materialized (
      select inboxes.user_id, fresh.reason
      from fresh join inboxes on inboxes.user_id = fresh.user_id
      order by inboxes.user_id
      for no key update of inboxes
    ),
    bumped as (
      update inboxes
      set last_seq = last_seq + 1, unread = unread + 1, unseen = unseen + 1, revision = revision + 1
      from locked
      where inboxes.user_id = locked.user_id
      returning inboxes.user_id, last_seq, unseen, revision, locked.reason, clock_timestamp() as at
    ),
    stored as (
      insert into notifications (recipient_id, seq, event_id, reason, created_at)
      select user_id, last_seq, ${event.id}, reason, at from bumped
    )
    select user_id as "userId", last_seq as seq, reason, unseen, revision from bumped`.execute(trx);
  return rows;
}
