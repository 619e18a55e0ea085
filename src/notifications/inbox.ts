import { type ExpressionBuilder, sql } from "kysely";
import { arrayOf, type Database, type Db } from "../db.ts";
import type { EventKind } from "../events/catalogue.ts";
import { type LoggedEvent, readEvents } from "../events/log.ts";
import { withNet } from "./net.ts";
import type { Reason } from "./reasons.ts";
import { type Present, withPresent } from "./rights.ts";

/**
 * A notification with its event: of edits that became one row, the last of them, with the net of all. What is true of it
 * now is left out where nothing is known but the event.
 */
export type Notice = Partial<Present> & {
  recipientId: number;
  seq: number;
  reason: Reason;
  createdAt: Date;
  readAt: Date | null;
  archivedAt: Date | null;
  /** It is in the inbox, and brings no toast. */
  quiet: boolean;
  event: LoggedEvent;
};

/** Notifications that have not been read, nor archived, nor taken the place of by a later one. */
export const LIVE = sql<boolean>`(
  notifications.read_at is null and notifications.archived_at is null and notifications.superseded_at is null)`;

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
      where recipient_id = asked.user_id and seq > asked.after and superseded_at is null
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

/** How many of the numbers after one and up to another would have brought a toast. */
export async function countToasts(db: Db, userId: number, after: number, upTo: number): Promise<number> {
  const { count } = await db
    .selectFrom("notifications")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("recipient_id", "=", userId)
    .where("seq", ">", after)
    .where("seq", "<=", upTo)
    .where("quiet", "=", false)
    .where(LIVE)
    .executeTakeFirstOrThrow();
  return count;
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

export const shows = ["all", "unread", "archived"] as const;

/** What a reader wants to see of an inbox; `before` is a number of theirs, below which it goes on. */
export type InboxFilter = {
  show: (typeof shows)[number];
  kind: EventKind | null;
  listing: number | null;
  before: number | null;
};

/** A page of an inbox, newest first: those with a number below `before`. */
export async function readPage(db: Db, userId: number, filter: InboxFilter, limit: number): Promise<Notice[]> {
  const { kind, listing, before } = filter;
  const rows = await noticesOf(db, userId)
    .where(shownIn(filter.show))
    .$if(kind !== null, (query) => query.where("events.kind", "=", kind))
    .$if(listing !== null, (query) => query.where("events.listing_id", "=", listing))
    .$if(before !== null, (query) => query.where("notifications.seq", "<", before))
    .orderBy("notifications.seq", "desc")
    .limit(limit)
    .execute();
  return withPresent(db, rows.map(toNotice));
}

/** Which notifications a view of the inbox shows. */
export function shownIn(show: InboxFilter["show"]) {
  return ({ eb, and }: ExpressionBuilder<Database, "notifications">) => {
    if (show === "unread") return and([LIVE]);
    const place = eb("notifications.archived_at", show === "archived" ? "is not" : "is", null);
    return and([place, eb("notifications.superseded_at", "is", null)]);
  };
}

function noticesOf(db: Db, userId: number) {
  return notices(db).where("notifications.recipient_id", "=", userId).where("notifications.superseded_at", "is", null);
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
      "notifications.archived_at as archivedAt",
      "notifications.quiet",
      "notifications.edits",
    ]);
}

type NoticeRow = Awaited<ReturnType<ReturnType<typeof notices>["execute"]>>[number];

function toNotice({ recipientId, seq, reason, createdAt, readAt, archivedAt, quiet, ...row }: NoticeRow): Notice {
  const { edits, ...event } = row;
  const told = withNet(event as LoggedEvent, edits);
  return { recipientId, seq, reason: reason as Reason, createdAt, readAt, archivedAt, quiet, event: told };
}
