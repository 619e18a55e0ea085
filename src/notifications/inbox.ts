import { type Kysely, sql } from "kysely";
import { arrayOf, type Database, type Db, type Trx } from "../db.ts";
import { NotFoundError } from "../errors.ts";
import type { EventKind } from "../events/catalogue.ts";
import { type LoggedEvent, readEvents } from "../events/log.ts";
import { addJob } from "../queue.ts";
import type { Reason } from "./kinds.ts";
import { type Present, withPresent } from "./rights.ts";

/** How an inbox stands. `revision` grows with every change of it, so that an older count is never shown after a newer. */
export type InboxHead = {
  userId: number;
  lastSeq: number;
  unread: number;
  unseen: number;
  seenSeq: number;
  revision: number;
};

/** A notification with its event; what is true of it now is left out where nothing is known but the event. */
export type Notice = Partial<Present> & {
  recipientId: number;
  seq: number;
  reason: Reason;
  createdAt: Date;
  readAt: Date | null;
  event: LoggedEvent;
};

/** How an inbox stands that is not there. */
export const noInbox: Omit<InboxHead, "userId"> = { lastSeq: 0, unread: 0, unseen: 0, seenSeq: 0, revision: 0 };

/** The heads of these people's inboxes, by user id; one query whatever their number. */
export async function readHeads(db: Db, userIds: number[]): Promise<Map<number, InboxHead>> {
  const rows = await heads(db)
    .where("user_id", "=", sql<number>`any(${arrayOf(userIds)}::bigint[])`)
    .execute();
  return new Map(rows.map((row) => [row.userId, row]));
}

/** Of these people's inboxes those that have changed since the revision that is known of them. */
export function readChangedHeads(db: Db, known: { userId: number; revision: number }[]): Promise<InboxHead[]> {
  const [users, revisions] = [known.map(({ userId }) => userId), known.map(({ revision }) => revision)];
  const asked = sql<{ id: number; known: number }>`(
    select * from unnest(${arrayOf(users)}::bigint[], ${arrayOf(revisions)}::bigint[]) asked (id, known))`;
  return heads(db)
    .innerJoin(asked.as("asked"), "asked.id", "inboxes.user_id")
    .whereRef("inboxes.revision", ">", "asked.known")
    .execute();
}

function heads(db: Db) {
  return db
    .selectFrom("inboxes")
    .select(["user_id as userId", "last_seq as lastSeq", "unread", "unseen", "seen_seq as seenSeq", "revision"]);
}

/** The head of one inbox. */
export async function readHead(db: Db, userId: number): Promise<InboxHead> {
  return (await readHeads(db, [userId])).get(userId) ?? { userId, ...noInbox };
}

/** What came after a number, oldest first: for streams, catch-up and polling alike. */
export async function readAfter(db: Db, userId: number, after: number, limit: number): Promise<Notice[]> {
  const ask = { userId, after };
  return (await readAfterEach(db, [ask], limit)).get(ask) ?? [];
}

/**
 * The same for many people with one query, by what each asked for.
 * @param limit of rows for each
 */
export async function readAfterEach<Ask extends { userId: number; after: number }>(
  db: Db,
  asks: Ask[],
  limit: number,
): Promise<Map<Ask, Notice[]>> {
  const [users, afters] = [asks.map(({ userId }) => userId), asks.map(({ after }) => after)].map(arrayOf);
  const found = sql<{ recipient_id: number; seq: number; n: number }>`(
    select told.recipient_id, told.seq, asked.n
    from unnest(${users}::bigint[], ${afters}::bigint[]) with ordinality asked (user_id, after, n)
    cross join lateral (
      select recipient_id, seq from notifications
      where recipient_id = asked.user_id and seq > asked.after
      order by seq limit ${limit}
    ) told)`;
  const rows = await notices(db)
    .innerJoin(found.as("found"), (join) =>
      join.onRef("found.recipient_id", "=", "notifications.recipient_id").onRef("found.seq", "=", "notifications.seq"),
    )
    .select("found.n")
    .orderBy("notifications.seq")
    .execute();
  const each = new Map(asks.map((ask) => [ask, [] as Notice[]]));
  const read = await withPresent(
    db,
    rows.map(({ n, ...row }) => toNotice(row)),
  );
  for (const [at, { n }] of rows.entries()) each.get(asks[n - 1] as Ask)?.push(read[at] as Notice);
  return each;
}

/** These notifications of one's own, newest first. */
export async function readThese(db: Db, userId: number, seqs: number[]): Promise<Notice[]> {
  if (seqs.length === 0) return [];
  const rows = await noticesOf(db, userId)
    .where("notifications.seq", "in", seqs)
    .orderBy("notifications.seq", "desc")
    .execute();
  return withPresent(db, rows.map(toNotice));
}

export type InboxFilter = { unreadOnly: boolean; kind: EventKind | null; before: number | null };

/** A page of an inbox, newest first: those with a number below `before`. */
export async function readPage(db: Db, userId: number, filter: InboxFilter, limit: number): Promise<Notice[]> {
  let query = noticesOf(db, userId).orderBy("notifications.seq", "desc").limit(limit);
  if (filter.unreadOnly) query = query.where("notifications.read_at", "is", null);
  if (filter.kind) query = query.where("events.kind", "=", filter.kind);
  if (filter.before) query = query.where("notifications.seq", "<", filter.before);
  return withPresent(db, (await query.execute()).map(toNotice));
}

/**
 * Marks one notification read or unread; its person's other tabs follow.
 * @throws NotFoundError when the person has none of that number
 */
export async function markRead(db: Kysely<Database>, userId: number, seq: number, read: boolean): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await lockInbox(trx, userId);
    const marked = await trx
      .updateTable("notifications")
      .set({ read_at: read ? sql`coalesce(read_at, clock_timestamp())` : null })
      .where("recipient_id", "=", userId)
      .where("seq", "=", seq)
      .returning("seq")
      .executeTakeFirst();
    if (!marked) throw new NotFoundError("There is no such notification.");
    await recount(trx, userId);
    await addJob(trx, "announce_marks", { userId, seqs: [seq] });
  });
}

/** Marks all up to a number read, so that what came since the page was rendered stays unread. */
export async function markAllRead(db: Kysely<Database>, userId: number, upTo: number): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await lockInbox(trx, userId);
    const marked = await trx
      .updateTable("notifications")
      .set({ read_at: sql`clock_timestamp()` })
      .where("recipient_id", "=", userId)
      .where("seq", "<=", upTo)
      .where("read_at", "is", null)
      .returning("seq")
      .execute();
    if (marked.length === 0) return;
    await recount(trx, userId);
    const newest = marked
      .map((row) => row.seq)
      .sort((a, b) => b - a)
      .slice(0, 100);
    await addJob(trx, "announce_marks", { userId, seqs: newest });
  });
}

/** The inbox was opened: what it showed no longer counts on the badge, and stays unread. */
export async function markSeen(db: Kysely<Database>, userId: number, upTo: number): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const head = await lockInbox(trx, userId);
    if (!head || head.seen_seq >= Math.min(upTo, head.last_seq)) return;
    await trx
      .updateTable("inboxes")
      .set({ seen_seq: Math.min(upTo, head.last_seq) })
      .where("user_id", "=", userId)
      .execute();
    await recount(trx, userId);
    await addJob(trx, "announce_marks", { userId, seqs: [] });
  });
}

async function lockInbox(trx: Trx, userId: number) {
  return trx.selectFrom("inboxes").selectAll().where("user_id", "=", userId).forNoKeyUpdate().executeTakeFirst();
}

// Counted anew under the lock: a count that is kept by adding drifts.
async function recount(trx: Trx, userId: number): Promise<void> {
  await sql`
    update inboxes set revision = revision + 1, (unread, unseen) = (
      select count(*), count(*) filter (where notifications.seq > inboxes.seen_seq)
      from notifications
      where notifications.recipient_id = inboxes.user_id and notifications.read_at is null
    )
    where user_id = ${userId}`.execute(trx);
}

function noticesOf(db: Db, userId: number) {
  return notices(db).where("notifications.recipient_id", "=", userId);
}

function notices(db: Db) {
  return readEvents(db)
    .innerJoin("notifications", "notifications.event_id", "events.id")
    .select([
      "notifications.recipient_id as recipientId",
      "notifications.seq",
      "notifications.reason",
      "notifications.created_at as createdAt",
      "notifications.read_at as readAt",
    ]);
}

type NoticeRow = Awaited<ReturnType<ReturnType<typeof notices>["execute"]>>[number];

function toNotice({ recipientId, seq, reason, createdAt, readAt, ...event }: NoticeRow): Notice {
  return { recipientId, seq, reason: reason as Reason, createdAt, readAt, event: event as LoggedEvent };
}
