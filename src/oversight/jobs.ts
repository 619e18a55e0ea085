import type { Db } from "../db.ts";
import { NotFoundError } from "../errors.ts";
import { happenedIn } from "../notifications/kinds.ts";
import { findTroubledJob, findTroubledJobs, type TroubledJob } from "../queue.ts";

/** A job in words: what it is for, and what it is about where that can be looked at. */
export type JobRow = Omit<TroubledJob, "payload"> & {
  purpose: string;
  /** The kind of the event, in words. */
  kind: string | null;
  listing: { id: number; title: string } | null;
  eventId: number | null;
};

/** The jobs that have failed, in words: set aside, or tried again. */
export async function readJobs(db: Db, setAside: boolean, limit: number): Promise<JobRow[]> {
  return inWords(db, await findTroubledJobs(db, setAside, limit));
}

/** One of them. @throws NotFoundError */
export async function getJob(db: Db, id: number): Promise<JobRow> {
  const found = await findTroubledJob(db, id);
  const [row] = found ? await inWords(db, [found]) : [];
  if (!row) throw new NotFoundError("This job is done, or gone. There is nothing left to run.");
  return row;
}

const purposes: Record<TroubledJob["name"], string> = {
  deliver_event: "Tell people of what happened",
  deliver_alone: "Tell people of what happened",
  expire_reservation: "End a reservation whose time is over",
  warn_of_expiry: "Warn that a reservation runs out soon",
  announce_marks: "Show what was read on a person's other screens",
  announce_seen: "Show a person that their message was seen",
  end_streams: "End the live pages of somebody who may no longer see them",
  delete_old: "Delete what is older than is kept",
  send_announcement: "Send an announcement, a batch of it",
  recall_announcement: "Take an announcement back, a batch of it",
  prove_isolation: "Prove who was told of what happened",
};

async function inWords(db: Db, jobs: TroubledJob[]): Promise<JobRow[]> {
  const [events, listings] = await Promise.all([
    findEvents(
      db,
      jobs.flatMap(({ payload }) => ("eventId" in payload ? [payload.eventId] : [])),
    ),
    findReserved(
      db,
      jobs.flatMap(({ payload }) => ("reservationId" in payload ? [payload.reservationId] : [])),
    ),
  ]);
  return jobs.map(({ payload, ...job }) => {
    const event = "eventId" in payload ? events.get(payload.eventId) : undefined;
    return {
      ...job,
      purpose: purposes[job.name],
      kind: event ? happenedIn(event.kind) : null,
      listing: event?.listing ?? ("reservationId" in payload ? listings.get(payload.reservationId) : null) ?? null,
      eventId: event?.id ?? null,
    };
  });
}

async function findEvents(db: Db, ids: number[]) {
  if (ids.length === 0) return new Map<number, never>();
  const rows = await db
    .selectFrom("events")
    .select(["id", "kind", "listing_id", "data"])
    .where("id", "in", ids)
    .execute();
  return new Map(
    rows.map(({ id, kind, listing_id, data }) => [
      id,
      { id, kind, listing: listing_id === null ? null : { id: listing_id, title: data.title } },
    ]),
  );
}

async function findReserved(db: Db, ids: number[]): Promise<Map<number, { id: number; title: string }>> {
  if (ids.length === 0) return new Map();
  const rows = await db
    .selectFrom("reservations")
    .innerJoin("listings", "listings.id", "listing_id")
    .select(["reservations.id as reservation", "listings.id", "title"])
    .where("reservations.id", "in", ids)
    .execute();
  return new Map(rows.map(({ reservation, ...listing }) => [reservation, listing]));
}
