import { type Kysely, sql } from "kysely";
import { arrayOf, type Database, type Trx } from "../db.ts";
import { LIVE } from "./inbox.ts";
import { recount } from "./marks.ts";

/** So many ids of people are looked at in one step, and of those whose inbox has something old so many are dealt with. */
const LOOKED_AT = 5000;
const INBOXES = 25;

/**
 * Deletes some notifications that are older than so many days, read or not, in one short transaction. Of an inbox the
 * oldest go, up to the first that is younger, so that none is missing above its floor, which rises to the last that
 * went. Inboxes are locked in the order of user ids, as whoever delivers does; one that is being written to is left to
 * the next time, so nobody is waited for.
 * @param from the user id to begin with
 * @param most so many notifications at the most
 * @returns the user id to go on from; null when all inboxes have been looked at
 */
export function deleteOldNotifications(
  db: Kysely<Database>,
  days: number,
  from: number,
  most: number,
): Promise<number | null> {
  return db.transaction().execute(async (trx) => {
    const held = await lockInboxes(trx, days, from);
    const each = Math.ceil(most / Math.max(1, held.length));
    const shortened = held.length > 0 ? await shorten(trx, days, held, each) : [];
    const lighter = shortened.filter(({ live }) => live).map(({ userId }) => userId);
    if (lighter.length > 0) await recount(trx, lighter);
    const unfinished = shortened.filter(({ deleted }) => deleted === each).map(({ userId }) => userId);
    if (unfinished.length > 0) return Math.min(...unfinished);
    const last = held.at(-1);
    return last !== undefined && held.length === INBOXES ? last + 1 : nextAfter(trx, from + LOOKED_AT);
  });
}

/** The lowest number of an inbox tells whether it has anything old, so that all that there is need not be read. */
async function lockInboxes(trx: Trx, days: number, from: number): Promise<number[]> {
  const { rows } = await sql<{ userId: number }>`
    select user_id as "userId" from inboxes
    where user_id >= ${from} and user_id < ${from + LOOKED_AT} and (
      select created_at from notifications where recipient_id = inboxes.user_id order by seq limit 1
    ) < ${cutoff(days)}
    order by user_id limit ${INBOXES}
    for no key update of inboxes skip locked`.execute(trx);
  return rows.map(({ userId }) => userId);
}

type Shortened = { userId: number; deleted: number; live: boolean };

async function shorten(trx: Trx, days: number, held: number[], each: number): Promise<Shortened[]> {
  const { rows } = await sql<Shortened>`
    with old as materialized (
      select held.user_id, oldest.up_to
      from unnest(${arrayOf(held)}::bigint[]) held (user_id)
      cross join lateral (
        select max(seq) as up_to
        from (
          select seq, bool_and(created_at < ${cutoff(days)}) over (order by seq) as goes
          from (
            select seq, created_at from notifications
            where recipient_id = held.user_id order by seq limit ${each}
          ) first
        ) marked
        where goes
      ) oldest
    ), gone as (
      delete from notifications using old
      where notifications.recipient_id = old.user_id and notifications.seq <= old.up_to
      returning notifications.recipient_id, notifications.seq, ${LIVE} as live
    )
    update inboxes set floor_seq = greatest(floor_seq, told.up_to)
    from (
      select recipient_id, max(seq) as up_to, count(*) as deleted, bool_or(live) as live from gone group by recipient_id
    ) told
    where inboxes.user_id = told.recipient_id
    returning user_id as "userId", told.deleted, told.live`.execute(trx);
  return rows;
}

async function nextAfter(trx: Trx, from: number): Promise<number | null> {
  const { rows } = await sql<{ next: number | null }>`
    select min(user_id) as next from inboxes where user_id >= ${from}`.execute(trx);
  return rows[0]?.next ?? null;
}

function cutoff(days: number) {
  return sql`now() - ${days} * interval '24 hours'`;
}
