import { sql } from "kysely";
import type { Db, Role } from "../db.ts";
import { type InboxFilter, LIVE, type Notice, readThese, shownIn } from "./inbox.ts";
import { reasonsFor } from "./reasons.ts";
import { withPresent } from "./rights.ts";

/** The notifications of one listing in an inbox: its newest, how many there are, and how many of them are unread. */
export type Group = { newest: Notice; count: number; unread: number };

/** An inbox by listing, the one with the newest notification first; those whose newest has a number below `before`. */
export async function readGroups(
  db: Db,
  userId: number,
  { show, before }: Pick<InboxFilter, "show" | "before">,
  limit: number,
): Promise<Group[]> {
  const groups = await db
    .selectFrom("notifications")
    .innerJoin("events", "events.id", "notifications.event_id")
    .select(({ fn }) => [
      fn.max("notifications.seq").as("seq"),
      fn.countAll<number>().as("count"),
      fn.countAll<number>().filterWhere(LIVE).as("unread"),
    ])
    .where("notifications.recipient_id", "=", userId)
    .where(shownIn(show))
    .groupBy("events.listing_id")
    .$if(before !== null, (query) => query.having(({ fn }) => fn.max("notifications.seq"), "<", before))
    .orderBy("seq", "desc")
    .limit(limit)
    .execute();
  const notices = await readThese(
    db,
    userId,
    groups.map(({ seq }) => seq),
  );
  const newest = new Map(notices.map((notice) => [notice.seq, notice]));
  return groups.flatMap(({ seq, ...counts }) => {
    const notice = newest.get(seq);
    return notice ? [{ newest: notice, ...counts }] : [];
  });
}

const MOST_LISTINGS = 100;

/** The listings that an inbox tells of and its reader may see, by title, to choose one from; of very many the newest. */
export async function readListings(db: Db, { id, role }: { id: number; role: Role }, show: InboxFilter["show"]) {
  const [reason] = reasonsFor(role);
  if (!reason) return [];
  const rows = await db
    .selectFrom("notifications")
    .innerJoin("events", "events.id", "notifications.event_id")
    .innerJoin("listings", "listings.id", "events.listing_id")
    .select(({ fn }) => ["listings.id as value", "listings.title as text", fn.max("notifications.seq").as("seq")])
    .where("notifications.recipient_id", "=", id)
    .where("notifications.reason", "=", sql<string>`any(${reasonsFor(role)}::text[])`)
    .where(shownIn(show))
    .groupBy("listings.id")
    .orderBy("seq", "desc")
    .limit(MOST_LISTINGS)
    .execute();
  const told = rows.map((row) => ({ ...row, recipientId: id, reason, event: { listingId: row.value } }));
  const seen = (await withPresent(db, told)).filter(({ withheld }) => !withheld);
  return seen.sort((a, b) => a.text.localeCompare(b.text));
}
