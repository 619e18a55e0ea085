import { type Kysely, sql } from "kysely";
import { arrayOf, type Database, type Db, type Role } from "../db.ts";
import { seenOf } from "./seen.ts";
import { type Message, readMessages, readSummaries, type ThreadSummary } from "./threads.ts";

/** A thread as it stands, and what is new in it. */
type Conversation = { thread: ThreadSummary; messages: Message[] };

/** Somebody who wants to know what moved in their threads, and since when. */
type Ask = { userId: number; role: Role; since: Date };

/** What live pages read of conversations; each is a few queries, whatever it is asked for. */
export function conversationReads(db: Kysely<Database>) {
  return {
    /** These messages with their threads. */
    find: (messageIds: number[]) => findConversations(db, messageIds),
    /** What was written or seen since a time, in anybody's threads. @param limit of threads, and of messages in each */
    movedSince: (since: Date, limit: number) => findMovedSince(db, since, limit),
    /** The same in one's own threads for many people, by what each asked for. */
    missed: <A extends Ask>(asks: A[], limit: number) => findMissed(db, asks, limit),
    seenOf,
  };
}

async function findConversations(db: Db, messageIds: number[]): Promise<Conversation[]> {
  const parts = await db
    .selectFrom("messages")
    .select(["enquiry_id as threadId", "id as messageId"])
    .where("id", "=", sql<number>`any(${arrayOf(messageIds)}::bigint[])`)
    .execute();
  return (
    (
      await assemble(
        db,
        parts.map((part) => ({ ...part, n: 1 })),
      )
    ).get(1) ?? []
  );
}

async function findMovedSince(db: Db, since: Date, limit: number): Promise<Conversation[]> {
  const moved = sql`(select id from enquiries where moved_at >= ${since} order by moved_at desc limit ${limit})`;
  return (
    (await assemble(db, await partsOf(db, sql`select 1, ${since}::timestamptz, 0, ''`, moved, limit))).get(1) ?? []
  );
}

async function findMissed<A extends Ask>(db: Db, asks: A[], limit: number): Promise<Map<A, Conversation[]>> {
  const asked = sql`
    select n, to_timestamp(since / 1000.0), user_id, role from unnest(
      ${arrayOf(asks.map(({ userId }) => userId))}::bigint[],
      ${arrayOf(asks.map(({ role }) => role))}::text[],
      ${arrayOf(asks.map(({ since }) => since.getTime()))}::bigint[]
    ) with ordinality given (user_id, role, since, n)`;
  // Each half finds its rows by an index of its own.
  const moved = sql`(
    (select id from enquiries where asked.role = 'buyer' and buyer_id = asked.user_id and moved_at >= asked.since
      order by moved_at desc limit ${limit})
    union all
    (select id from enquiries where asked.role = 'seller' and seller_id = asked.user_id and moved_at >= asked.since
      order by moved_at desc limit ${limit}))`;
  const found = await assemble(db, await partsOf(db, asked, moved, limit));
  return new Map(asks.map((ask, index) => [ask, found.get(index + 1) ?? []]));
}

/** For each who asks (n): a thread that moved, with the id of a message that is new in it, or of none. */
type Part = { n: number; threadId: number; messageId: number | null };

async function partsOf(db: Db, asked: ReturnType<typeof sql>, moved: ReturnType<typeof sql>, limit: number) {
  const { rows } = await sql<Part>`
    select asked.n, moved.id as "threadId", newest.id as "messageId"
    from (${asked}) asked (n, since, user_id, role)
    cross join lateral ${moved} moved
    left join lateral (
      select id, sent_at from messages where enquiry_id = moved.id order by id desc limit ${limit}
    ) newest on newest.sent_at >= asked.since`.execute(db);
  return rows;
}

async function assemble(db: Db, parts: Part[]): Promise<Map<number, Conversation[]>> {
  const found = new Map<number, Conversation[]>();
  if (parts.length === 0) return found;
  const [threads, messages] = await Promise.all([
    readSummaries(db)
      .where("enquiries.id", "=", anyOf(parts.map(({ threadId }) => threadId)))
      .execute(),
    readMessages(db)
      .where("messages.id", "=", anyOf(parts.map(({ messageId }) => messageId)))
      .execute(),
  ]);
  const messageOf = new Map(messages.map((message) => [message.id, message]));
  for (const [n, own] of Map.groupBy(parts, (part) => part.n)) {
    const ids = Map.groupBy(own, ({ threadId }) => threadId);
    const theirs = threads
      .filter(({ id }) => ids.has(id))
      .map((thread) => {
        const news = (ids.get(thread.id) ?? []).flatMap(({ messageId }) => messageOf.get(messageId ?? 0) ?? []);
        return { thread, messages: news.sort((a, b) => a.id - b.id) };
      });
    found.set(n, theirs);
  }
  return found;
}

function anyOf(ids: (number | null)[]) {
  return sql<number>`any(${arrayOf([...new Set(ids)].filter((id) => id !== null))}::bigint[])`;
}
