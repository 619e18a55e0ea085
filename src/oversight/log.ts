import { type RawBuilder, sql } from "kysely";
import type { Db } from "../db.ts";
import { type LoggedEvent, readEvents } from "../events/log.ts";
import type { LogFilter } from "./log-filter.ts";

/** A person or a listing that the log can be narrowed to. */
type Named = { id: number; name: string; more: string };
/** What a filter's words lead to: one, or several to choose from, or none; null where nothing was asked. */
export type Found = Named[] | null;

const MOST_CHOICES = 8;

/** The people whom words mean: by id, whole email address, or part of name, company or address; the first by name. */
export async function findPeople(db: Db, asked: string): Promise<Found> {
  if (asked === "") return null;
  const people = db.selectFrom("users").select(["id", "name", sql<string>`company || ' · ' || role`.as("more")]);
  const exact = await people
    .where((eb) => eb.or([eb("id", "=", idIn(asked)), eb("email", "=", asked.toLowerCase())]))
    .execute();
  if (exact.length > 0) return exact;
  const like = likeOf(asked);
  return people
    .where((eb) => eb.or([eb("name", "ilike", like), eb("company", "ilike", like), eb("email", "ilike", like)]))
    .orderBy("name")
    .orderBy("id")
    .limit(MOST_CHOICES)
    .execute();
}

/** The listings that words mean: by id, or part of the title; the newest first. */
export async function findTitled(db: Db, asked: string): Promise<Found> {
  if (asked === "") return null;
  const listings = db
    .selectFrom("listings")
    .innerJoin("users", "users.id", "seller_id")
    .select(["listings.id", "title as name", "users.company as more"]);
  const exact = await listings.where("listings.id", "=", idIn(asked)).execute();
  if (exact.length > 0) return exact;
  return listings.where("title", "ilike", likeOf(asked)).orderBy("listings.id", "desc").limit(MOST_CHOICES).execute();
}

type Narrowed = Pick<LogFilter, "kind" | "from" | "to" | "zone" | "before"> & {
  person: number | null;
  listing: number | null;
};

/**
 * A page of the event log, newest first.
 * @param filter.before an event's id, below which it goes on
 */
export async function readLog(db: Db, filter: Narrowed, limit: number): Promise<LoggedEvent[]> {
  const { kind, person, listing, from, to, zone, before } = filter;
  const local = (time: string) => sql<Date>`(${time}::timestamp at time zone ${zone})`;
  const rows = await readEvents(db)
    .$if(kind !== "", (query) => query.where("events.kind", "=", kind as never))
    .$if(person !== null, (query) =>
      query.where(sql<boolean>`event_people(events.actor_id, events.data) @> array[${person}]::bigint[]`),
    )
    .$if(listing !== null, (query) => query.where("events.listing_id", "=", listing))
    .$if(from !== "", (query) => query.where("events.occurred_at", ">=", local(from)))
    .$if(to !== "", (query) => query.where("events.occurred_at", "<=", local(to)).where(reachedBy(local(to))))
    .$if(before !== null, (query) => query.where("events.id", "<", before))
    .orderBy("events.id", "desc")
    .limit(limit)
    .execute();
  return rows as LoggedEvent[];
}

// Ids come in the order of time but for those that were given out at the same moment. Without this Postgres goes through
// all that has happened since, since it comes by the newest id first.
function reachedBy(time: RawBuilder<Date>): RawBuilder<boolean> {
  return sql<boolean>`events.id <= (
    select max(id) from (select id from events where occurred_at <= ${time} order by occurred_at desc limit 1000) last)`;
}

function idIn(asked: string): number {
  const id = /^#?([1-9]\d{0,14})$/.exec(asked)?.[1];
  return Number(id ?? 0);
}

function likeOf(asked: string): string {
  return `%${asked.replace(/[\\%_]/g, "\\$&")}%`;
}
