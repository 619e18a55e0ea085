import { type Kysely, sql } from "kysely";
import { arrayOf, type Database, type Trx } from "../db.ts";
import { LIVE } from "./inbox.ts";

/** So many ids of people are looked at in one step, and of those whose inbox has something old so many are dealt with. */
const LOOKED_AT = 5000;
const INBOXES = 25;

/**
 * Deletes some notifications that are older than so many days, read or not, in one short transaction. Of an inbox the
 * oldest go, up to the first that is younger, so that none is missing above its floor, which rises to the last that
 * went.
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
    const found = await findInboxes(trx, days, from);
    if (found.length === 0) return nextAfter(trx, from + LOOKED_AT);
    const held = await lockInboxes(trx, found);
    const each = Math.ceil(most / held.length);
    const shortened = await shorten(trx, days, held, each);
    const more = new Set(shortened.filter(({ deleted }) => deleted === each).map(({ userId }) => userId));
    return found.find((id) => more.has(id) || !held.includes(id)) ?? Math.max(...found) + 1;
  });
}

/** The lowest number of an inbox tells whether it has anything old, so that all that there is need not be read. */
async function findInboxes(trx: Trx, days: number, from: number): Promise<number[]> {
  const { rows } = await sql<{ userId: number }>`
    select user_id as "userId" from inboxes
    where user_id >= ${from} and user_id < ${from + LOOKED_AT} and (
      select created_at from notifications where recipient_id = inboxes.user_id order by seq limit 1
    ) < ${cutoff(days)}
    order by user_id limit ${INBOXES}`.execute(trx);
  return rows.map(({ userId }) => userId);
}

/**
 * Those that are free, so that whoever waits for one of them waits for nobody else because of it. Where none is, the first
 * is waited for, so that those that are always being written to have their turn too.
 */
async function lockInboxes(trx: Trx, found: number[]): Promise<number[]> {
  const locked = (ids: number[]) =>
    trx
      .selectFrom("inboxes")
      .select("user_id")
      .where("user_id", "=", sql<number>`any(${arrayOf(ids)}::bigint[])`)
      .orderBy("user_id")
      .forNoKeyUpdate();
  const free = await locked(found).skipLocked().execute();
  const held = free.length > 0 ? free : await locked(found.slice(0, 1)).execute();
  return held.map(({ user_id }) => user_id);
}

type Shortened = { userId: number; deleted: number };

/** One statement after the one that locked: it sees every mark that was made before, and what is left is counted anew. */
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
      returning notifications.recipient_id, ${LIVE} as live
    ), told as (
      select user_id, max(up_to) as up_to, count(*) as deleted, bool_or(live)::int as changes
      from old join gone on gone.recipient_id = old.user_id group by user_id
    )
    update inboxes set floor_seq = greatest(floor_seq, told.up_to), revision = revision + told.changes,
      (unread, unseen) = (
        select count(*), count(*) filter (where notifications.seq > inboxes.seen_seq)
        from notifications
        where notifications.recipient_id = inboxes.user_id and notifications.seq > told.up_to and ${LIVE}
      )
    from told
    where inboxes.user_id = told.user_id
    returning inboxes.user_id as "userId", told.deleted`.execute(trx);
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
