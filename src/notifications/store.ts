import { sql } from "kysely";
import type { Trx } from "../db.ts";
import type { NetEdits } from "../events/catalogue.ts";
import type { LoggedEvent } from "../events/log.ts";
import { audienceOf } from "./audience.ts";
import { LIVE } from "./inbox.ts";
import type { Reason } from "./kinds.ts";
import { editsOf, netOf } from "./net.ts";

/** One recipient's share of an event: the number it has in their inbox, and how the inbox stands with it. */
export type Delivery = {
  userId: number;
  seq: number;
  reason: Reason;
  unseen: number;
  revision: number;
  /** It brings no toast. */
  quiet: boolean;
  /** Where it took the place of a row with earlier edits: what they come to together. */
  net: NetEdits | null;
};

/**
 * Stores the notifications of an event, once for each recipient, and that it is delivered.
 * Locks the recipients' inboxes in the order of user ids, bumps and inserts, all in one statement and last in the
 * transaction: the locks are held for a moment, and a recipient's numbers are given out in the order of commits.
 * Edits that somebody has not read yet become one row with the next number and the net of them: see migrations/.
 */
export async function store(trx: Trx, event: LoggedEvent): Promise<Delivery[]> {
  await trx.updateTable("events").set({ delivered_at: sql`clock_timestamp()` }).where("id", "=", event.id).execute();
  const edits = editsOf(event);
  if (edits) await lockInboxes(trx, event);
  const told = sql`${edits && JSON.stringify(edits)}::jsonb`;
  const { rows } = await sql<Delivery>`
    with told as materialized (${audienceOf(event)}),
    fresh as materialized (
      select told.user_id, told.reason, told.quiet from told
      where not exists (
        select 1 from notifications
        where notifications.recipient_id = told.user_id and notifications.event_id = ${event.id}
      )
    ),
    locked as materialized (
      select inboxes.user_id, fresh.reason, fresh.quiet
      from fresh join inboxes on inboxes.user_id = fresh.user_id
      order by inboxes.user_id
      for no key update of inboxes
    ),
    folded as (${edits ? fold(event) : NOTHING_FOLDED}),
    bumped as (
      update inboxes
      set last_seq = last_seq + 1, revision = revision + 1,
        unread = unread + case when folded.seq is null then 1 else 0 end,
        unseen = unseen + case when folded.seq > seen_seq then 0 else 1 end
      from locked left join folded on folded.recipient_id = locked.user_id
      where inboxes.user_id = locked.user_id
      returning inboxes.user_id, last_seq, unseen, revision, locked.reason, clock_timestamp() as at, folded.toasted_at,
        locked.quiet or coalesce(folded.toasted_at > clock_timestamp() - ${TOAST_EVERY}::interval, false) as quiet,
        case when folded.seq is not null then ${netOf(sql.ref("folded.edits"), told)} end as net
    ),
    stored as (
      insert into notifications
        (recipient_id, seq, event_id, reason, created_at, quiet, toasted_at, edits_of, edits)
      select user_id, last_seq, ${event.id}, reason, at, quiet, case when quiet then toasted_at else at end,
        ${edits ? event.listingId : null}::bigint, coalesce(net, ${told})
      from bumped
    )
    select user_id as "userId", last_seq as seq, reason, unseen, revision, quiet, net from bumped`.execute(trx);
  return rows;
}

const TOAST_EVERY = "1 minute";

/**
 * Whoever marks a notification holds its inbox as well. So with the inboxes held beforehand, the statement that stores
 * sees every mark that came before it: what is read by now is not taken the place of.
 */
async function lockInboxes(trx: Trx, event: LoggedEvent): Promise<void> {
  await sql`
    with told as materialized (${audienceOf(event)}),
    locked as (
      select 1 from told join inboxes on inboxes.user_id = told.user_id
      order by inboxes.user_id
      for no key update of inboxes
    )
    select count(*) from locked`.execute(trx);
}

/** Takes out the rows of earlier edits that are live: the new ones come in their place. */
function fold({ listingId }: LoggedEvent) {
  return sql`
    update notifications set superseded_at = clock_timestamp()
    from locked
    where notifications.recipient_id = locked.user_id and notifications.reason = locked.reason
      and notifications.edits_of = ${listingId} and ${LIVE}
    returning notifications.recipient_id, notifications.seq, notifications.toasted_at, notifications.edits`;
}

const NOTHING_FOLDED = sql`
  select null::bigint as recipient_id, null::bigint as seq, null::timestamptz as toasted_at, null::jsonb as edits
  where false`;
