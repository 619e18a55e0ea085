import { sql } from "kysely";
import { arrayOf, type Db } from "../db.ts";

/** How an inbox stands. `revision` grows with every change of it, so that an older count is never shown after a newer. */
export type InboxHead = {
  userId: number;
  lastSeq: number;
  unread: number;
  unseen: number;
  seenSeq: number;
  revision: number;
  /** Notifications up to this number may have been deleted. */
  floorSeq: number;
};

/** How an inbox stands that is not there. */
export const noInbox: Omit<InboxHead, "userId"> = {
  lastSeq: 0,
  unread: 0,
  unseen: 0,
  seenSeq: 0,
  revision: 0,
  floorSeq: 0,
};

/** The heads of these people's inboxes, by user id; one query whatever their number. */
export async function readHeads(db: Db, userIds: number[]): Promise<Map<number, InboxHead>> {
  const rows = await heads(db)
    .where("user_id", "=", sql<number>`any(${arrayOf(userIds)}::bigint[])`)
    .execute();
  return new Map(rows.map((row) => [row.userId, row]));
}

/**
 * Of some people's inboxes those that have changed since the revision that is known of them.
 * @param userIds whose, as Postgres writes an array
 * @param revisions what is known of each, in the same order, likewise
 */
export function readChangedHeads(db: Db, userIds: string, revisions: string): Promise<InboxHead[]> {
  const asked = sql<{ id: number; known: number }>`(
    select * from unnest(${userIds}::bigint[], ${revisions}::bigint[]) asked (id, known))`;
  return heads(db)
    .innerJoin(asked.as("asked"), "asked.id", "inboxes.user_id")
    .whereRef("inboxes.revision", ">", "asked.known")
    .execute();
}

function heads(db: Db) {
  return db
    .selectFrom("inboxes")
    .select(["user_id as userId", "last_seq as lastSeq", "unread", "unseen", "seen_seq as seenSeq", "revision"])
    .select("floor_seq as floorSeq");
}

/** The head of one inbox. */
export async function readHead(db: Db, userId: number): Promise<InboxHead> {
  return (await readHeads(db, [userId])).get(userId) ?? { userId, ...noInbox };
}
