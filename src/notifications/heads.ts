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
  const rows = await db
    .selectFrom("inboxes")
    .select(["user_id as userId", "last_seq as lastSeq", "unread", "unseen", "seen_seq as seenSeq", "revision"])
    .select("floor_seq as floorSeq")
    .where("user_id", "=", sql<number>`any(${arrayOf(userIds)}::bigint[])`)
    .execute();
  return new Map(rows.map((row) => [row.userId, row]));
}

/** The head of one inbox. */
export async function readHead(db: Db, userId: number): Promise<InboxHead> {
  return (await readHeads(db, [userId])).get(userId) ?? { userId, ...noInbox };
}
