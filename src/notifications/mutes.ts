import { type RawBuilder, sql } from "kysely";
import type { Db } from "../db.ts";
import { NotFoundError } from "../errors.ts";

/** A listing by the title that it had when its reader was last told of it. */
export type ToldListing = { id: number; title: string };

const MOST = 200;

/**
 * From now on the person hears no more of what happens to the listing. Muting twice is muting once.
 * @throws NotFoundError for a listing of which they have never been told
 */
export async function muteListing(db: Db, userId: number, listingId: number): Promise<ToldListing> {
  const listing = await getToldListing(db, userId, listingId);
  await db
    .insertInto("mutes")
    .values({ user_id: userId, listing_id: listingId })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  return listing;
}

/** The person hears of it again. @throws NotFoundError as muteListing does */
export async function unmuteListing(db: Db, userId: number, listingId: number): Promise<ToldListing> {
  const listing = await getToldListing(db, userId, listingId);
  await db.deleteFrom("mutes").where("user_id", "=", userId).where("listing_id", "=", listingId).execute();
  return listing;
}

/** A listing of which the person has been told. @throws NotFoundError for any other */
export async function getToldListing(db: Db, userId: number, listingId: number): Promise<ToldListing> {
  const { rows } = await lastTitle(sql`${userId}::bigint`, sql`${listingId}::bigint`).execute(db);
  if (!rows[0]) throw new NotFoundError();
  return { id: listingId, title: rows[0].title };
}

/** What a person has muted, the last first; 200 at the most. */
export async function findMuted(db: Db, userId: number): Promise<ToldListing[]> {
  const { rows } = await sql<ToldListing>`
    select mutes.listing_id as id, coalesce(told.title, 'A listing') as title
    from mutes
    left join lateral (${lastTitle(sql.ref("mutes.user_id"), sql.ref("mutes.listing_id"))}) told on true
    where mutes.user_id = ${userId}
    order by mutes.created_at desc, mutes.listing_id desc
    limit ${MOST}`.execute(db);
  return rows;
}

// What the listing is called by now may be nothing that this person may know.
function lastTitle(userId: RawBuilder<unknown>, listingId: RawBuilder<unknown>): RawBuilder<{ title: string }> {
  return sql`
    select events.data ->> 'title' as title
    from events
    join notifications on notifications.event_id = events.id and notifications.recipient_id = ${userId}
    where events.listing_id = ${listingId}
    order by events.id desc
    limit 1`;
}
