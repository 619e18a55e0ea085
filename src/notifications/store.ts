import { type RawBuilder, sql } from "kysely";
import type { Trx } from "../db.ts";
import type { NetEdits } from "../events/catalogue.ts";
import type { LoggedEvent } from "../events/log.ts";
import { rightsAreRead } from "../rights-lock.ts";
import { verdictsOn } from "./audience.ts";
import { LIVE } from "./inbox.ts";
import { editsOf, netOf } from "./net.ts";
import type { Reason } from "./reasons.ts";

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

/** People whose ids are above one number and up to another. */
export type Range = { after: number; upTo: number };

/**
 * For the rest of the transaction. Postgres keeps plans (see src/prepared.ts), and one from when a table was small would
 * go through all of it for each of ten thousand recipients until it is analysed.
 */
export const byIndexes = sql`set_config('enable_seqscan', 'off', true)`;

/**
 * Stores the notifications of an event, once for each recipient, and that it is delivered.
 * Locks the recipients' inboxes in the order of user ids, bumps and inserts, all in one statement (edits take the locks in
 * one before it) and last in the transaction: the locks are held for a moment, and a recipient's numbers are given out in
 * the order of commits. Edits that somebody has not read yet become one row with the next number and the net of them:
 * see docs/decisions/0011.
 * @param among whom alone to tell, where not all are told at once
 */
export async function store(trx: Trx, event: LoggedEvent, among?: Range): Promise<Delivery[]> {
  await sql`
    with rights as materialized (${rightsAreRead})
    select ${byIndexes} from events, rights where id = ${event.id} for no key update of events`.execute(trx);
  return storeHeld(trx, event, among);
}

/**
 * The same where statements before hold rights and event already, and have plans go by indexes: of two who deliver one
 * event the second sees what the first has stored, and both know whom it concerns by the rights that there are.
 */
export async function storeHeld(trx: Trx, event: LoggedEvent, among?: Range): Promise<Delivery[]> {
  const edits = editsOf(event);
  const held = edits ? await lockInboxes(trx, event) : null;
  const own = sql`${edits && JSON.stringify(edits)}::jsonb`;
  const { rows } = await sql<Delivery>`
    with verdicts as materialized (select * from (${verdictsOn(event)}) verdicts ${within(among)}),
    delivered as (update events set delivered_at = clock_timestamp() where id = ${event.id}),
    refused as (
      -- That it was their own doing, the event says itself.
      insert into refusals (event_id, user_id, reason, why)
      select ${event.id}, user_id, reason, why from verdicts where why <> 'actor'
      on conflict do nothing
    ),
    told as (select * from verdicts where why is null ${edits ? whoAreHeld(held) : sql``}),
    fresh as materialized (
      select told.user_id, told.reason, told.quiet from told
      where not exists (
        select 1 from notifications
        where notifications.recipient_id = told.user_id and notifications.event_id = ${event.id}
      )
    ),
    locked as materialized (
      select inboxes.user_id, fresh.reason, fresh.quiet, earlier.*
      from fresh join inboxes on inboxes.user_id = fresh.user_id
      left join lateral (${edits ? liveEdits(event) : NO_EDITS}) earlier on true
      order by inboxes.user_id
      for no key update of inboxes
    ),
    folded as (
      update notifications set superseded_at = clock_timestamp()
      from locked
      where notifications.recipient_id = locked.user_id and notifications.seq = locked.earlier_seq
      returning 1
    ),
    bumped as (
      update inboxes
      set last_seq = last_seq + 1, revision = revision + 1,
        unread = unread + case when earlier_seq is null then 1 else 0 end,
        unseen = unseen + case when earlier_seq > seen_seq then 0 else 1 end
      from locked
      -- The rows whose place is taken go first: two at once are what the index refuses.
      where inboxes.user_id = locked.user_id and (select count(*) from folded) is not null
      returning inboxes.user_id, last_seq, unseen, revision, locked.reason, clock_timestamp() as at, toasted_at,
        locked.quiet or coalesce(toasted_at > clock_timestamp() - ${TOAST_EVERY}::interval, false) as quiet,
        ${netOfBoth(event, own)} as net
    ),
    stored as (
      insert into notifications
        (recipient_id, seq, event_id, reason, created_at, quiet, toasted_at, edits_of, edits)
      select user_id, last_seq, ${event.id}, reason, at, quiet, case when quiet then toasted_at else at end,
        ${edits ? event.listingId : null}::bigint, coalesce(net, ${own})
      from bumped
    )
    select user_id as "userId", last_seq as seq, reason, unseen, revision, quiet, net from bumped`.execute(trx);
  return rows;
}

// Not "= any": of a prepared statement Postgres would look through ten thousand for each of ten thousand.
function whoAreHeld(held: string | null) {
  return sql`and user_id in (select unnest(${held}::bigint[]))`;
}

function within(among: Range | undefined) {
  return among ? sql`where user_id > ${among.after} and user_id <= ${among.upTo}` : sql``;
}

const TOAST_EVERY = "1 minute";

/**
 * Whoever marks a notification holds its inbox as well. So with the inboxes held beforehand, the statement that stores
 * sees every mark that came before it: what is read by now is not taken the place of.
 * @returns whose they are, as Postgres writes an array; who has joined the audience since is not told
 */
async function lockInboxes(trx: Trx, event: LoggedEvent): Promise<string> {
  const { rows } = await sql<{ held: string }>`
    with verdicts as materialized (${verdictsOn(event)}),
    locked as (
      select inboxes.user_id from verdicts join inboxes on inboxes.user_id = verdicts.user_id
      where why is null
      order by inboxes.user_id
      for no key update of inboxes
    )
    select coalesce(array_agg(user_id), '{}')::text as held from locked`.execute(trx);
  return rows[0]?.held ?? "{}";
}

/** The row with earlier edits that is live, whose place the new one takes: looked up by the index that allows one. */
function liveEdits({ listingId }: LoggedEvent) {
  return sql`
    select seq as earlier_seq, toasted_at, edits as earlier_edits, event_id as earlier_id from notifications
    where recipient_id = fresh.user_id and edits_of = ${listingId} and reason = fresh.reason and ${LIVE}
    limit 1`;
}

const NO_EDITS = sql`
  select null::bigint as earlier_seq, null::timestamptz as toasted_at, null::jsonb as earlier_edits,
    null::bigint as earlier_id`;

/** An event that is delivered late may come after edits that followed it: what happened first is the beginning all the same. */
function netOfBoth({ id }: LoggedEvent, own: RawBuilder<unknown>) {
  const earlier = sql.ref("earlier_edits");
  return sql`case
    when earlier_seq is null then null
    when earlier_id < ${id} then ${netOf(earlier, own)}
    else ${netOf(own, earlier)}
  end`;
}
