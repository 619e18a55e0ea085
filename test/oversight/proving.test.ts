import { sql } from "kysely";
import { pino } from "pino";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { proveIsolation } from "../../src/oversight/proving.ts";
import { publishedListing } from "../cast.ts";
import { createWorld, type World } from "../world.ts";
import { later } from "./later.ts";

let world: World;
let listing: ListingView;

// Otto watches a listing of Sol's that Ada reserves for Bea: three people are told.
beforeEach(async () => {
  world = await createWorld();
  const { db, cast } = world;
  await later(db, 3);
  listing = await publishedListing(db, cast.sol);
  await watchListing(db, cast.otto, listing.id);
  await later(db, 3);
  await reserveListing(db, cast.ada, listing, { buyerId: cast.bea.id, hours: 5 });
  await world.drain();
  await later(db, 3);
});
afterEach(() => world.close());

async function lastProof() {
  return world.db.selectFrom("proofs").selectAll().orderBy("id", "desc").executeTakeFirstOrThrow();
}

async function lastEvent(): Promise<number> {
  const { id } = await world.db.selectFrom("events").select("id").orderBy("id", "desc").executeTakeFirstOrThrow();
  return id;
}

test("a proof is kept with its figures, and what waits to be delivered is told apart from what is different", async () => {
  const { db, log } = world;
  const waiting = await waitingFor(2);
  await waitingFor(0);
  await proveIsolation({ db, log }, world.cast.ada.id);
  const proof = await lastProof();
  expect(proof).toMatchObject({ by: world.cast.ada.id, events: 2, recipients: 3, not_judged: 0, leaks: 0, lost: 0 });
  expect(proof).toMatchObject({ undelivered: 1, waiting: [waiting], differences: [] });
  expect(proof.ended_at.getTime()).toBeGreaterThanOrEqual(proof.begun_at.getTime());
});

async function waitingFor(minutes: number): Promise<number> {
  const { rows } = await sql<{ id: number }>`
    insert into events (kind, data, listing_id, occurred_at)
    values ('listing_relisted', '{"title":"Copper"}', ${listing.id}, now() - ${minutes}::int * interval '1 minute')
    returning id`.execute(world.db);
  return rows[0]?.id ?? 0;
}

test("a proof begins a day ago, or where the night's proof before it began, but never before the past was kept", async () => {
  const { db, log } = world;
  const hoursBack = async (): Promise<number> => {
    await proveIsolation({ db, log }, null);
    const proof = await lastProof();
    return (proof.begun_at.getTime() - proof.since.getTime()) / 3_600_000;
  };
  await sql`update past_kept set since = now() - interval '6 minutes'`.execute(db);
  expect(await hoursBack()).toBeCloseTo(0.1, 2);
  await sql`update past_kept set since = since - interval '30 days'`.execute(db);
  expect(await hoursBack()).toBeCloseTo(24, 2);
  await sql`update proofs set begun_at = begun_at - interval '50 hours'`.execute(db);
  expect(await hoursBack()).toBeCloseTo(51, 1);
  await sql`update proofs set begun_at = begun_at - interval '20 days'`.execute(db);
  expect(await hoursBack()).toBeCloseTo(168, 1);
});

test("an event that was delivered late is looked at by when it was delivered", async () => {
  const { db, log } = world;
  await sql`update past_kept set since = since - interval '30 days'`.execute(db);
  const event = await lastEvent();
  await sql`update events set occurred_at = occurred_at - interval '3 days' where id = ${event}`.execute(db);
  await sql`delete from notifications where event_id = ${event} and recipient_id = ${world.cast.otto.id}`.execute(db);
  await proveIsolation({ db, log }, null);
  expect((await lastProof()).differences).toEqual([
    { eventId: event, userId: world.cast.otto.id, what: "lost", told: null, due: "watching" },
  ]);
});

test("a difference is logged as an error with its figures; without one there is none", async () => {
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: "info" }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  await proveIsolation({ db: world.db, log }, null);
  expect(lines.filter(({ level }) => level === 50)).toEqual([]);
  await sql`delete from notifications where recipient_id = ${world.cast.otto.id}`.execute(world.db);
  await proveIsolation({ db: world.db, log }, null);
  expect(lines.filter(({ level }) => level === 50)).toEqual([
    expect.objectContaining({
      lost: 1,
      leaks: 0,
      first: [expect.objectContaining({ userId: world.cast.otto.id, what: "lost" })],
    }),
  ]);
});

test("what no proof will ask for is deleted from the past, and what one may ask for is not", async () => {
  const { db, log } = world;
  await db.deleteFrom("past_states").execute();
  await sql`
    insert into past_states (about, user_id, listing_id, until)
    select 'watch', ${world.cast.otto.id}, ${listing.id}, now() - interval '20 days' from generate_series(1, 2500)`.execute(
    db,
  );
  await sql`
    insert into past_states (about, user_id, listing_id, until)
    values ('watch', ${world.cast.otto.id}, ${listing.id}, now() - interval '14 days')`.execute(db);
  await proveIsolation({ db, log }, null);
  expect(await db.selectFrom("past_states").select("id").execute()).toHaveLength(1);
});
