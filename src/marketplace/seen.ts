import { type Kysely, sql } from "kysely";
import type { Database } from "../db.ts";
import { NotFoundError } from "../errors.ts";
import { addJob } from "../queue.ts";
import type { Actor } from "./listings.ts";
import { getThread, type Thread } from "./threads.ts";

/**
 * One of a thread's two people has it before their eyes: what the other wrote, up to a message, counts as seen from now
 * on, and the other is shown that. It never goes back.
 * @param upTo the id of the last message that is shown
 * @throws NotFoundError for everybody else
 */
export async function markThreadSeen(
  db: Kysely<Database>,
  reader: Actor,
  threadId: number,
  upTo: number,
): Promise<void> {
  const thread = await getThread(db, reader, threadId);
  if (reader.id !== thread.buyerId && reader.id !== thread.sellerId) throw new NotFoundError();
  const [id, at] = reader.id === thread.buyerId ? BUYERS : SELLERS;
  await db.transaction().execute(async (trx) => {
    const theirs = sql<number>`(
      select max(id) from messages
      where enquiry_id = ${threadId} and author_id <> ${reader.id} and id <= ${upTo})`;
    const seen = await trx
      .updateTable("enquiries")
      .set({ [id]: theirs, [at]: sql`clock_timestamp()`, moved_at: sql`clock_timestamp()` })
      .where("id", "=", threadId)
      .where(id, "<", theirs)
      .returning("id")
      .executeTakeFirst();
    if (seen) await addJob(trx, "announce_seen", { enquiryId: threadId, readerId: reader.id });
  });
}

/** Up to which of a reader's own messages the other has seen them. @returns null while they have seen none */
export function seenOf(thread: SeenIn, readerId: number): { id: number; at: Date | null } | null {
  const [id, at] =
    readerId === thread.buyerId ? [thread.sellerSeenId, thread.sellerSeenAt] : [thread.buyerSeenId, thread.buyerSeenAt];
  return id > 0 ? { id, at } : null;
}

type SeenIn = Pick<Thread, "buyerId" | "buyerSeenId" | "buyerSeenAt" | "sellerSeenId" | "sellerSeenAt">;

const BUYERS = ["buyer_seen_id", "buyer_seen_at"] as const;
const SELLERS = ["seller_seen_id", "seller_seen_at"] as const;
