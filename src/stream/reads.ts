import type { Kysely } from "kysely";
import type { Database } from "../db.ts";
import { readGoneSince } from "../notifications/gone.ts";
import { type InboxHead, noInbox, readHeads } from "../notifications/heads.ts";
import { countToasts, type Notice, readAfterEach } from "../notifications/inbox.ts";
import { together } from "../together.ts";

/** A stream is sent this many rows at the most; what lies before them is in the inbox, and the summary counts it. */
const MOST_ROWS = 200;

export type Reads = ReturnType<typeof createReads>;

/** What streams read of inboxes, as they open and whenever they missed something: thousands at once share their queries. */
export function createReads(db: Kysely<Database>) {
  const head = together((userIds: number[]) => readHeads(db, userIds));
  const after = together((asks: { userId: number; after: number }[]) => readAfterEach(db, asks, MOST_ROWS), 100);
  const gone = together((asks: { userId: number; since: Date }[]) => readGoneSince(db, asks));
  return {
    /** What was taken back from somebody since a time, by its numbers. */
    goneSince: async (userId: number, since: Date): Promise<number[]> => (await gone({ userId, since })) ?? [],
    /** How somebody's inbox stands. */
    head: async (userId: number): Promise<InboxHead> => (await head(userId)) ?? { userId, ...noInbox },
    /** What lies after a number, as it is shown. */
    missed: async (userId: number, cursor: number, last: number): Promise<Missed> => {
      const begin = Math.max(cursor, last - MOST_ROWS);
      const notices = (await after({ userId, after: begin })) ?? [];
      return { notices, earlier: begin > cursor ? await countToasts(db, userId, cursor, begin) : 0 };
    },
  };
}

/** The newest rows of what somebody missed, oldest first, and how many toasts lie before them. */
export type Missed = { notices: Notice[]; earlier: number };
