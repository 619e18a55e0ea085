import { type SqlBool, sql } from "kysely";
import type { AnnouncementState, Db, Role, Trx } from "../db.ts";
import { ConflictError, InvalidError, NotFoundError } from "../errors.ts";
import type { AnnouncedTo } from "../events/catalogue.ts";
import { recordEvent } from "../events/record.ts";
import { addJob } from "../queue.ts";
import { rolesOf } from "./audience.ts";

export type Draft = { to: AnnouncedTo; title: string; text: string };

/** An announcement as admins see it. */
export type Announcement = Draft & {
  id: number;
  eventId: number;
  state: AnnouncementState;
  /** Goes up with every change of state. */
  version: number;
  /** How many it is for, how many have been told, and how many of them no longer have it. */
  total: number;
  told: number;
  takenBack: number;
  /** Grows with every batch. */
  progress: number;
  author: string;
  at: Date;
};

/** Who would be told if it were sent now: how many, and the highest id among them. */
export async function countRecipients(
  db: Db,
  to: AnnouncedTo,
  adminId: number,
): Promise<{ total: number; last: number }> {
  const { rows } = await sql<{ total: number; last: number }>`
    select count(*) as total, coalesce(max(id), 0) as last from users
    where ${isRecipient(to)} and id <> ${adminId}`.execute(db);
  return rows[0] ?? { total: 0, last: 0 };
}

/** @throws InvalidError when nobody would be told */
export function requireSomebody(total: number): void {
  if (total === 0) throw new InvalidError({ role: "There is nobody to tell: choose somebody else." });
}

/** Whether somebody is told of what is announced to these: as audience.ts has it. */
export function isRecipient(to: AnnouncedTo) {
  const roles: Role[] = rolesOf(to);
  return sql<SqlBool>`users.status = 'active' and users.role = any(${roles}::text[])`;
}

/**
 * Begins to send, in the caller's transaction: its event, its row and the job for its first batch are there together.
 * @param token the form's: the same form sends once, however often it is posted
 * @returns null when this form has been sent already
 * @throws InvalidError when it would reach nobody
 */
export async function beginToSend(
  trx: Trx,
  admin: { id: number },
  { to, title, text, token }: Draft & { token: string },
): Promise<{ id: number; total: number } | null> {
  // The second of two at once waits here until it can see the first.
  await sql`select pg_advisory_xact_lock(hashtextextended(${token}, 712005))`.execute(trx);
  const sent = await trx.selectFrom("announcements").select("id").where("token", "=", token).executeTakeFirst();
  if (sent) return null;
  const { total, last } = await countRecipients(trx, to, admin.id);
  requireSomebody(total);
  const event = { kind: "announcement", actorId: admin.id, listingId: null, data: { title, text, to } } as const;
  const eventId = await recordEvent(trx, event);
  const { id } = await trx
    .insertInto("announcements")
    .values({ token, event_id: eventId, audience: to, total, last_user_id: last })
    .returning("id")
    .executeTakeFirstOrThrow();
  await addJob(trx, "send_announcement", { announcementId: id, after: 0 });
  return { id, total };
}

/** From the next batch on nobody is told. @throws NotFoundError, ConflictError when it is not being sent */
export async function stopSending(trx: Trx, id: number): Promise<void> {
  await move(trx, id, ["sending"], "stopped", "It is not being sent any more.");
}

/** Those who have not been told are. @throws NotFoundError, ConflictError when it is not stopped */
export async function resumeSending(trx: Trx, id: number): Promise<void> {
  const row = await move(trx, id, ["stopped"], "sending", "Only what has been stopped can go on.");
  await addJob(trx, "send_announcement", { announcementId: id, after: row.sent_up_to });
}

/**
 * Nobody else is told, and whoever has not seen it no longer has it.
 * @returns whether it was this that began it: twice is once
 * @throws NotFoundError
 */
export async function beginToRecall(trx: Trx, id: number): Promise<boolean> {
  const row = await lockAnnouncement(trx, id);
  if (!row) throw new NotFoundError("There is no such announcement.");
  if (row.state === "recalling" || row.state === "recalled") return false;
  await setState(trx, id, "recalling");
  await trx.updateTable("announcements").set({ recalled_at: sql`clock_timestamp()` }).where("id", "=", id).execute();
  await addJob(trx, "recall_announcement", { announcementId: id, after: 0 });
  return true;
}

/** The row of one, held: whoever sends a batch or takes one back holds it meanwhile. */
export function lockAnnouncement(trx: Trx, id: number) {
  return trx.selectFrom("announcements").selectAll().where("id", "=", id).forUpdate().executeTakeFirst();
}

/** From here on it stands so. */
export async function setState(trx: Trx, id: number, state: AnnouncementState): Promise<void> {
  await trx
    .updateTable("announcements")
    .set(({ eb }) => ({ state, version: eb("version", "+", 1) }))
    .where("id", "=", id)
    .execute();
}

async function move(trx: Trx, id: number, from: AnnouncementState[], to: AnnouncementState, otherwise: string) {
  const row = await lockAnnouncement(trx, id);
  if (!row) throw new NotFoundError("There is no such announcement.");
  if (!from.includes(row.state)) throw new ConflictError(otherwise);
  await setState(trx, id, to);
  return row;
}

/** Announcements, newest first: those with an id below `before`. */
export async function readAnnouncements(db: Db, before: number | null, limit: number): Promise<Announcement[]> {
  const rows = await announcements(db)
    .$if(before !== null, (query) => query.where("announcements.id", "<", before))
    .orderBy("announcements.id", "desc")
    .limit(limit)
    .execute();
  return rows.map(toAnnouncement);
}

/** One of them. @throws NotFoundError */
export async function getAnnouncement(db: Db, id: number): Promise<Announcement> {
  const row = await announcements(db).where("announcements.id", "=", id).executeTakeFirst();
  if (!row) throw new NotFoundError("There is no such announcement.");
  return toAnnouncement(row);
}

/** Those that have come further, or are in another state, since a time: the latest of them. */
export async function readMoved(db: Db, since: Date, limit: number): Promise<Announcement[]> {
  const moved = announcements(db).where("moved_at", ">", since);
  return (await moved.orderBy("moved_at", "desc").limit(limit).execute()).map(toAnnouncement);
}

/** The one that an event tells of, if it does. */
export async function findAnnouncementOf(db: Db, eventId: number): Promise<Announcement | null> {
  const row = await announcements(db).where("event_id", "=", eventId).executeTakeFirst();
  return row ? toAnnouncement(row) : null;
}

function announcements(db: Db) {
  return db
    .selectFrom("announcements")
    .innerJoin("events", "events.id", "announcements.event_id")
    .innerJoin("users", "users.id", "events.actor_id")
    .select([
      ...(["announcements.id", "event_id as eventId", "state", "version", "total", "told"] as const),
      ...([
        "taken_back as takenBack",
        "announcements.created_at as at",
        "users.name as author",
        "events.data",
      ] as const),
    ])
    .select(({ eb }) => eb("sent_up_to", "+", eb.ref("recalled_up_to")).as("progress"));
}

type Found = Awaited<ReturnType<ReturnType<typeof announcements>["execute"]>>[number];

function toAnnouncement({ data, ...row }: Found): Announcement {
  const { to, title, text } = data as Draft;
  return { ...row, to, title, text };
}
