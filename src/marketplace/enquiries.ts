import { type Kysely, sql } from "kysely";
import type { Viewer } from "../access.ts";
import type { Database, Trx } from "../db.ts";
import { NotFoundError } from "../errors.ts";
import { recordEvent } from "../events/record.ts";
import { excerptOf } from "../excerpt.ts";
import { aboutOf, lockListing } from "./change.ts";
import { getListing, type ListingView } from "./listings.ts";
import { requireOpen } from "./status.ts";
import { findThreadOf, getThread, type Message, readMessages, type Thread } from "./threads.ts";

/** Who writes; their name goes into the news of it. */
export type Author = Pick<Viewer, "id" | "role" | "name">;

/**
 * A buyer asks about a listing. There is one thread for a buyer and a listing: a second enquiry is a message in it.
 * @param message trimmed, 1 to 4,000 characters
 * @returns the thread's id
 * @throws NotFoundError, and ConflictError when the listing can no longer be had and there is no thread about it yet
 */
export async function enquire(
  db: Kysely<Database>,
  buyer: Author,
  listingId: number,
  message: string,
): Promise<number> {
  await getListing(db, buyer, listingId);
  return db.transaction().execute(async (trx) => {
    const listing = await lockListing(trx, listingId);
    if (!listing) throw new NotFoundError();
    const thread = await findThreadOf(trx, listingId, buyer.id);
    if (!thread) return openThread(trx, buyer, listing, message);
    await addMessage(trx, buyer, thread, message);
    return thread.id;
  });
}

/**
 * One of a thread's two people writes in it, whatever has become of the listing.
 * @param message trimmed, 1 to 4,000 characters
 * @throws NotFoundError for everybody else
 */
export async function reply(db: Kysely<Database>, author: Author, threadId: number, message: string): Promise<Message> {
  const thread = await getThread(db, author, threadId);
  return db.transaction().execute(async (trx) => {
    await lockListing(trx, thread.listingId);
    return addMessage(trx, author, thread, message);
  });
}

async function openThread(trx: Trx, buyer: Author, listing: ListingView, message: string): Promise<number> {
  requireOpen(listing, "asked about");
  const { id } = await trx
    .insertInto("enquiries")
    .values({ listing_id: listing.id, buyer_id: buyer.id })
    .returning("id")
    .executeTakeFirstOrThrow();
  const messageId = await insertMessage(trx, buyer, id, message);
  const data = {
    ...aboutOf(listing),
    buyerId: buyer.id,
    buyerName: buyer.name,
    excerpt: excerptOf(message),
    messageId,
  };
  const about = { actorId: buyer.id, listingId: listing.id, enquiryId: id };
  await recordEvent(trx, { kind: "enquiry_received", ...about, data });
  return id;
}

async function addMessage(trx: Trx, author: Author, thread: Thread, message: string): Promise<Message> {
  const again = await findSentTwice(trx, author, thread, message);
  if (again) return again;
  const id = await insertMessage(trx, author, thread.id, message);
  const { title, sellerId, buyerId, listingId } = thread;
  const data = { title, sellerId, buyerId, authorName: author.name, excerpt: excerptOf(message), messageId: id };
  await recordEvent(trx, { kind: "enquiry_replied", actorId: author.id, listingId, enquiryId: thread.id, data });
  return readMessages(trx).where("messages.id", "=", id).executeTakeFirstOrThrow();
}

// The database moves the conversation on: who waits since when, and what its author has seen by now.
async function insertMessage(trx: Trx, author: Author, enquiryId: number, body: string): Promise<number> {
  const message = { enquiry_id: enquiryId, author_id: author.id, body };
  return (await trx.insertInto("messages").values(message).returning("id").executeTakeFirstOrThrow()).id;
}

// The same words from the same person within seconds are a double click, not a second message. The listing's lock makes
// the second of them wait until the first is there to be seen.
async function findSentTwice(trx: Trx, author: Author, thread: Thread, message: string): Promise<Message | undefined> {
  const last = await readMessages(trx)
    .where("messages.enquiry_id", "=", thread.id)
    .where("messages.sent_at", ">", sql<Date>`clock_timestamp() - interval '10 seconds'`)
    .orderBy("messages.id", "desc")
    .limit(1)
    .executeTakeFirst();
  return last?.authorId === author.id && last.body === message ? last : undefined;
}
