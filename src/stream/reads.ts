import type { Kysely } from "kysely";
import type { Database } from "../db.ts";
import { type InboxHead, noInbox, readHeads } from "../notifications/heads.ts";
import { type Notice, readAfterEach } from "../notifications/inbox.ts";
import { together } from "../together.ts";

/** A stream is sent this many rows at the most; what lies before them is in the inbox, and the summary counts it. */
export const MOST_ROWS = 200;

export type Reads = ReturnType<typeof createReads>;

/** What streams read of inboxes, as they open and whenever they missed something: thousands at once share their queries. */
export function createReads(db: Kysely<Database>) {
  const head = together((userIds: number[]) => readHeads(db, userIds));
  const after = together((asks: { userId: number; after: number }[]) => readAfterEach(db, asks, MOST_ROWS), 100);
  return {
    /** How somebody's inbox stands. */
    head: async (userId: number): Promise<InboxHead> => (await head(userId)) ?? { userId, ...noInbox },
    /** What lies after a number, as it is shown: the newest rows up to the last, oldest first. */
    missed: async (userId: number, cursor: number, last: number): Promise<Notice[]> =>
      (await after({ userId, after: Math.max(cursor, last - MOST_ROWS) })) ?? [],
  };
}
