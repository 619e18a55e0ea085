import { sql } from "kysely";
import type { Db } from "../db.ts";
import type { EventRow } from "../events/catalogue.ts";
import type { Refusal } from "../notifications/audience.ts";
import type { Reason } from "../notifications/reasons.ts";

/** Somebody who was told of an event: with which number, for what reason, and what has become of it since. */
export type Recipient = {
  id: number;
  name: string;
  company: string;
  role: string;
  seq: number;
  reason: Reason;
  quiet: boolean;
  storedAt: Date;
  /** It was written to a stream of theirs; when, as far as that was noted. */
  sent: boolean;
  writtenAt: Date | null;
  shownAt: Date | null;
  /** It was on the page when they last opened their inbox. */
  seen: boolean;
  readAt: Date | null;
  archivedAt: Date | null;
  /** A later edit took its place before it was read. */
  supersededAt: Date | null;
};

/** Who was told of an event, by person. @param after the person after whom to go on; @param only one person alone */
export async function readRecipients(
  db: Db,
  eventId: number,
  { after = 0, only = null, limit = 1 }: { after?: number; only?: number | null; limit?: number },
): Promise<Recipient[]> {
  return db
    .selectFrom("notifications")
    .innerJoin("users", "users.id", "recipient_id")
    .innerJoin("inboxes", "inboxes.user_id", "recipient_id")
    .leftJoin("sightings", (join) =>
      join
        .onRef("sightings.recipient_id", "=", "notifications.recipient_id")
        .onRef("sightings.seq", "=", "notifications.seq"),
    )
    .select([
      ...(["users.id", "name", "company", "role", "notifications.seq", "quiet"] as const),
      sql<Reason>`reason`.as("reason"),
      "notifications.created_at as storedAt",
      sql<boolean>`written_at is not null or delivered_seq >= notifications.seq`.as("sent"),
      ...(["written_at as writtenAt", "shown_at as shownAt"] as const),
      sql<boolean>`seen_seq >= notifications.seq or read_at is not null`.as("seen"),
      ...(["read_at as readAt", "archived_at as archivedAt", "superseded_at as supersededAt"] as const),
    ])
    .where("event_id", "=", eventId)
    .where("users.id", ">", after)
    .$if(only !== null, (query) => query.where("users.id", "=", only))
    .orderBy("users.id")
    .limit(limit)
    .execute();
}

/** Somebody whom an event concerned and who was not told of it. */
export type Untold = { id: number; name: string; company: string; role: string; why: Refusal; reason: Reason | null };

/** Those who were not told, by person; and how many they are. */
export async function readUntold(db: Db, event: EventRow, limit: number): Promise<{ untold: Untold[]; count: number }> {
  const refused = await db
    .selectFrom("refusals")
    .innerJoin("users", "users.id", "user_id")
    .select(["users.id", "name", "company", "role", sql<Refusal>`why`.as("why"), sql<Reason>`reason`.as("reason")])
    .select(({ fn }) => fn.countAll<number>().over().as("count"))
    .where("event_id", "=", event.id)
    .orderBy("users.id")
    .limit(limit)
    .execute();
  const count = refused[0]?.count ?? 0;
  const actor = await db
    .selectFrom("users")
    .select(["id", "name", "company", "role", sql<Refusal>`'actor'`.as("why"), sql<null>`null`.as("reason")])
    .where("id", "=", event.actorId ?? 0)
    .execute();
  return { untold: [...actor, ...refused], count: count + actor.length };
}

/** How long each hop took, in ms after the event was recorded: null where nothing is known of it. */
export type Hops = {
  recipients: number;
  sent: number;
  shown: number;
  seen: number;
  read: number;
  stored: number | null;
  published: number | null;
  firstWritten: number | null;
  lastWritten: number | null;
  medianShown: number | null;
  lastShown: number | null;
};

/** What is known of an event's way to its readers; the hops of those who were there when it happened. */
export async function readHops(db: Db, eventId: number): Promise<Hops> {
  const since = (time: string) => sql.raw(`extract(epoch from ${time} - occurred_at)::float8 * 1000`);
  const { rows } = await sql<Hops>`
    select count(recipient_id) as recipients,
      count(*) filter (where written_at is not null or delivered_seq >= told.seq) as sent,
      count(shown_at) as shown,
      count(*) filter (where seen_seq >= told.seq or read_at is not null) as seen,
      count(read_at) as read,
      ${since("events.delivered_at")} as stored,
      ${since("events.published_at")} as published,
      min(${since("written_at")}) filter (where live) as "firstWritten",
      max(${since("written_at")}) filter (where live) as "lastWritten",
      percentile_cont(0.5) within group (order by ${since("shown_at")}) filter (where live and shown_at is not null)
        as "medianShown",
      max(${since("shown_at")}) filter (where live) as "lastShown"
    from events
    left join notifications told on told.event_id = events.id
    left join inboxes on inboxes.user_id = told.recipient_id
    left join sightings using (recipient_id, seq)
    where events.id = ${eventId}
    group by events.id`.execute(db);
  return rows[0] as Hops;
}

/** Why somebody was not told, in words. */
export const refusalInWords: Record<Refusal, string> = {
  actor: "It was their own doing, and nobody is told of what they did themselves.",
  suspended: "Their account was suspended.",
  role: "They had another role than the one that is told for this reason.",
  off: "They have switched this kind of news off.",
  muted: "They have muted this listing.",
};

/** Why somebody is told, in words about them. */
export function reasonInWords(reason: Reason): string {
  const words: Record<Reason, string> = {
    reserved_for_you: "It is reserved for them",
    your_reservation: "They had it reserved",
    your_listing: "It is their listing",
    your_enquiry: "They asked about it",
    watching: "They watch it",
    announced_to_buyers: "It is for all buyers",
    announced_to_sellers: "It is for all sellers",
  };
  return words[reason] ?? "For a reason of a newer release";
}
