import { type Kysely, sql } from "kysely";
import { arrayOf, type Database, type Trx } from "../db.ts";
import { NotFoundError } from "../errors.ts";
import { addJob } from "../queue.ts";
import { LIVE } from "./inbox.ts";
import { netOf } from "./net.ts";

const MOST_ANNOUNCED = 100;

/**
 * Marks one notification read or unread; its person's other tabs follow.
 * @throws NotFoundError when the person has none of that number
 */
export function markRead(db: Kysely<Database>, userId: number, seq: number, read: boolean): Promise<void> {
  return mark(db, userId, seq, "read_at", read);
}

/**
 * Puts one notification into the archive, or back into the inbox.
 * @throws NotFoundError when the person has none of that number
 */
export function archive(db: Kysely<Database>, userId: number, seq: number, archived: boolean): Promise<void> {
  return mark(db, userId, seq, "archived_at", archived);
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
      .where(LIVE)
      .returning("seq")
      .execute();
    if (marked.length > 0) await announce(trx, userId, marked);
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
    await announce(trx, userId, []);
  });
}

type Mark = "read_at" | "archived_at";

async function mark(db: Kysely<Database>, userId: number, seq: number, mark: Mark, set: boolean): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await lockInbox(trx, userId);
    const joined = set ? [] : await joinLiveEdits(trx, userId, seq, mark);
    const marked = await trx
      .updateTable("notifications")
      .set({ [mark]: set ? sql`coalesce(${sql.ref(mark)}, clock_timestamp())` : null })
      .where("recipient_id", "=", userId)
      .where("seq", "=", seq)
      .returning("seq")
      .executeTakeFirst();
    if (!marked) throw new NotFoundError("There is no such notification.");
    await announce(trx, userId, [marked, ...joined]);
  });
}

/**
 * Edits of a listing that are live again may meet others that are: the earlier row goes, and the later one tells the net
 * of both, since there is one live row at the most for a listing and a reason.
 */
async function joinLiveEdits(trx: Trx, userId: number, seq: number, lifted: Mark): Promise<{ seq: number }[]> {
  const left = sql.ref(lifted === "read_at" ? "mine.archived_at" : "mine.read_at");
  const { rows } = await sql<{ seq: number }>`
    with pair as (
      select least(mine.seq, notifications.seq) as earlier, greatest(mine.seq, notifications.seq) as later,
        case when mine.event_id < notifications.event_id then ${netOf(MINE, OTHER)} else ${netOf(OTHER, MINE)} end as net
      from notifications mine
      join notifications on notifications.recipient_id = mine.recipient_id and notifications.edits_of = mine.edits_of
        and notifications.reason = mine.reason and notifications.seq <> mine.seq and ${LIVE}
      where mine.recipient_id = ${userId} and mine.seq = ${seq} and mine.superseded_at is null and ${left} is null
    )
    update notifications set
      superseded_at = case when seq = pair.earlier then clock_timestamp() end,
      edits = case when seq = pair.later then pair.net else edits end
    from pair
    where recipient_id = ${userId} and seq in (pair.earlier, pair.later)
    returning seq`.execute(trx);
  return rows;
}

const [MINE, OTHER] = [sql.ref("mine.edits"), sql.ref("notifications.edits")];

function lockInbox(trx: Trx, userId: number) {
  return trx.selectFrom("inboxes").selectAll().where("user_id", "=", userId).forNoKeyUpdate().executeTakeFirst();
}

async function announce(trx: Trx, userId: number, marked: { seq: number }[]): Promise<void> {
  await recount(trx, [userId]);
  const seqs = marked.map(({ seq }) => seq).sort((a, b) => b - a);
  await addJob(trx, "announce_marks", { userId, seqs: [...new Set(seqs)].slice(0, MOST_ANNOUNCED) });
}

/** Counts inboxes anew, whose locks are held: a count that is kept by adding drifts. */
export async function recount(trx: Trx, userIds: number[]): Promise<void> {
  await sql`
    update inboxes set revision = revision + 1, (unread, unseen) = (
      select count(*), count(*) filter (where notifications.seq > inboxes.seen_seq)
      from notifications
      where notifications.recipient_id = inboxes.user_id and ${LIVE}
    )
    where user_id = any(${arrayOf(userIds)}::bigint[])`.execute(trx);
}
