import type { Bus } from "../bus.ts";
import type { Db } from "../db.ts";
import type { StreamEnding } from "../queue.ts";
import { readHead, readHeads } from "./heads.ts";
import { writeMarks, writeSeen } from "./messages.ts";

/** Tells a person's other tabs and devices which marks have changed, and how the inbox stands now. */
export async function announceMarks(db: Db, bus: Bus, userId: number, seqs: number[]): Promise<void> {
  const { unseen, revision, lastSeq } = await readHead(db, userId);
  const body = writeMarks({ unseen, revision, lastSeq, seqs });
  await quietly(bus.publish([{ channel: `user:${userId}`, body }]));
}

/** Tells many people's tabs and devices that a notification of theirs is no more. */
export async function announceGone(db: Db, bus: Bus, gone: { userId: number; seq: number }[]): Promise<void> {
  if (gone.length === 0) return;
  const heads = await readHeads(
    db,
    gone.map(({ userId }) => userId),
  );
  const messages = gone.flatMap(({ userId, seq }) => {
    const head = heads.get(userId);
    return head ? [{ channel: `user:${userId}`, body: writeMarks({ ...head, seqs: [seq] }) }] : [];
  });
  await quietly(bus.publish(messages));
}

/** Tells a person up to which of their messages the other in a conversation, who reads, has seen them. */
export async function announceSeen(db: Db, bus: Bus, enquiryId: number, readerId: number): Promise<void> {
  const thread = await db.selectFrom("enquiries").selectAll().where("id", "=", enquiryId).executeTakeFirst();
  if (!thread) return;
  const buyerReads = readerId === thread.buyer_id;
  const author = buyerReads ? thread.seller_id : thread.buyer_id;
  const [messageId, at] = buyerReads
    ? [thread.buyer_seen_id, thread.buyer_seen_at]
    : [thread.seller_seen_id, thread.seller_seen_at];
  if (!at) return;
  await quietly(bus.publish([{ channel: `user:${author}`, body: writeSeen({ enquiryId, messageId, at }) }]));
}

/** Ends live streams whose session or person has lost the right to them, on every web process. */
export async function endStreams(bus: Bus, ending: StreamEnding): Promise<void> {
  await quietly(bus.publish([{ channel: "control", body: JSON.stringify(ending) }]));
}

// The bus is the fast way; with it down each web process finds the same by its sweep.
function quietly(ringing: Promise<void>): Promise<void> {
  return ringing.catch(() => {});
}
