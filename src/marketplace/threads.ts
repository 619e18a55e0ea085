import { sql } from "kysely";
import type { Db, ListingStatus } from "../db.ts";
import { NotFoundError } from "../errors.ts";
import type { Actor } from "./listings.ts";

/** One buyer's conversation with a seller about a listing, as its two people and admins see it. */
export type Thread = {
  id: number;
  listingId: number;
  title: string;
  status: ListingStatus;
  buyerId: number;
  buyerName: string;
  buyerCompany: string;
  sellerId: number;
  sellerName: string;
  sellerCompany: string;
  lastMessageAt: Date;
  /** When the first message was sent that the seller has not answered. */
  waitingSince: Date | null;
  buyerSeenId: number;
  buyerSeenAt: Date | null;
  sellerSeenId: number;
  sellerSeenAt: Date | null;
};

/** A thread in a list, with how its last message begins and who wrote that. */
export type ThreadSummary = Thread & { excerpt: string; lastAuthorId: number; lastMessageId: number };

export type Message = {
  id: number;
  authorId: number;
  authorName: string;
  authorCompany: string;
  body: string;
  sentAt: Date;
};

// The query of threads in the form of Thread; the caller says which.
function readThreads(db: Db) {
  return db
    .selectFrom("enquiries")
    .innerJoin("listings", "listings.id", "enquiries.listing_id")
    .innerJoin("users as buyers", "buyers.id", "enquiries.buyer_id")
    .innerJoin("users as sellers", "sellers.id", "enquiries.seller_id")
    .select([
      "enquiries.id",
      "enquiries.listing_id as listingId",
      "listings.title",
      "listings.status",
      "enquiries.buyer_id as buyerId",
      "buyers.name as buyerName",
      "buyers.company as buyerCompany",
      "enquiries.seller_id as sellerId",
      "sellers.name as sellerName",
      "sellers.company as sellerCompany",
      "enquiries.last_message_at as lastMessageAt",
      "enquiries.waiting_since as waitingSince",
      "enquiries.buyer_seen_id as buyerSeenId",
      "enquiries.buyer_seen_at as buyerSeenAt",
      "enquiries.seller_seen_id as sellerSeenId",
      "enquiries.seller_seen_at as sellerSeenAt",
    ]);
}

/**
 * The threads that a viewer may read: a buyer's own and all for an admin, the last written in first; those about a
 * seller's listings, whoever has waited longest for an answer first.
 * @param page how many to pass over, and how many to give at the most
 */
export async function findThreads(
  db: Db,
  viewer: Actor,
  page: { from: number; limit: number },
): Promise<ThreadSummary[]> {
  const threads = readSummaries(db).where(theirs(viewer)).offset(page.from).limit(page.limit);
  return (viewer.role === "seller" ? waitingFirst(threads) : latestFirst(threads)).execute();
}

/** The threads about one listing, for its owner, in the same order. @param limit how many at the most */
export async function findThreadsAbout(db: Db, listingId: number, limit: number): Promise<ThreadSummary[]> {
  return waitingFirst(readSummaries(db).where("enquiries.listing_id", "=", listingId).limit(limit)).execute();
}

/** How many threads findThreads has for a viewer. */
export async function countThreads(db: Db, viewer: Actor): Promise<number> {
  const { threads } = await db
    .selectFrom("enquiries")
    .select(({ fn }) => fn.countAll<number>().as("threads"))
    .where(theirs(viewer))
    .executeTakeFirstOrThrow();
  return threads;
}

/** @throws NotFoundError when there is no such thread, or it is other people's */
export async function getThread(db: Db, viewer: Actor, id: number): Promise<Thread> {
  const thread = await readThreads(db).where("enquiries.id", "=", id).where(theirs(viewer)).executeTakeFirst();
  if (!thread) throw new NotFoundError();
  return thread;
}

/** A buyer's thread about a listing, if they have asked. */
export async function findThreadOf(db: Db, listingId: number, buyerId: number): Promise<Thread | undefined> {
  return readThreads(db)
    .where("enquiries.listing_id", "=", listingId)
    .where("enquiries.buyer_id", "=", buyerId)
    .executeTakeFirst();
}

/**
 * A thread's messages, oldest first: its newest, or those before a message.
 * @param before the id of a message; null for the newest
 * @param limit how many at the most
 */
export async function findMessages(db: Db, threadId: number, before: number | null, limit: number): Promise<Message[]> {
  const found = await readMessages(db)
    .where("messages.enquiry_id", "=", threadId)
    .$if(before !== null, (query) => query.where("messages.id", "<", before))
    .orderBy("messages.id", "desc")
    .limit(limit)
    .execute();
  return found.reverse();
}

/** The query of messages in the form of Message; the caller says which. */
export function readMessages(db: Db) {
  return db
    .selectFrom("messages")
    .innerJoin("users as authors", "authors.id", "messages.author_id")
    .select([
      "messages.id",
      "messages.author_id as authorId",
      "authors.name as authorName",
      "authors.company as authorCompany",
      "messages.body",
      "messages.sent_at as sentAt",
    ]);
}

/** The query of threads in the form of ThreadSummary; the caller says which, and in what order. */
export function readSummaries(db: Db) {
  return readThreads(db)
    .innerJoinLateral(
      ({ selectFrom }) =>
        selectFrom("messages")
          .whereRef("messages.enquiry_id", "=", "enquiries.id")
          .select(["messages.id", "messages.author_id", sql<string>`left(messages.body, 200)`.as("excerpt")])
          .orderBy("messages.id", "desc")
          .limit(1)
          .as("last"),
      (join) => join.onTrue(),
    )
    .select(["last.excerpt", "last.author_id as lastAuthorId", "last.id as lastMessageId"]);
}

type Summaries = ReturnType<typeof readSummaries>;

function latestFirst(threads: Summaries): Summaries {
  return threads.orderBy("enquiries.last_message_at", "desc").orderBy("enquiries.id", "desc");
}

function waitingFirst(threads: Summaries): Summaries {
  return latestFirst(threads.orderBy("enquiries.waiting_since", (order) => order.asc().nullsLast()));
}

function theirs({ id, role }: Actor) {
  if (role === "admin") return sql<boolean>`true`;
  return role === "seller" ? sql<boolean>`enquiries.seller_id = ${id}` : sql<boolean>`enquiries.buyer_id = ${id}`;
}
