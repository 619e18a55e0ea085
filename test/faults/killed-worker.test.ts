import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { recordEvent } from "../../src/events/record.ts";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { createCrowd, createPerson, publishedListing } from "../cast.ts";
import { type Fleet, inboxOf, startFleet } from "../fleet/fleet.ts";
import { until } from "../processes.ts";
import { serve, type TestServer } from "../server.ts";
import type { SseClient } from "../sse.ts";
import { percentile, randomOf, report, SEED, sized } from "./sizes.ts";

const EVENTS = sized(10_000, 1000);
const PEOPLE = 200;
const KILLS = sized(20, 4);
const LISTENERS = sized(10, 3);

const random = randomOf(SEED);

let fleet: Fleet;
let server: TestServer;
let listings: ListingView[];
let people: { id: number }[];
let streams: SseClient[];
let happened = 0;

beforeAll(async () => {
  fleet = await startFleet(0, 3);
  server = await serve(fleet.world);
  const { db, cast } = fleet.world;
  listings = [];
  for (let n = 0; n < 20; n += 1) listings.push(await publishedListing(db, cast.sol));
  const listeners: Viewer[] = [];
  for (let n = 0; n < LISTENERS; n += 1) listeners.push(await createPerson(db, { role: "buyer" }));
  people = [...listeners, ...(await createCrowd(db, PEOPLE - LISTENERS))];
  for (const [at, listing] of listings.entries()) {
    const watching = people.filter((_, n) => n % 20 === at).map(({ id }) => id);
    await sql`insert into watches (user_id, listing_id) select unnest(${watching}::bigint[]), ${listing.id}`.execute(
      db,
    );
  }
  streams = [];
  for (const person of listeners) streams.push(await server.stream(await server.signIn(person)));
});
afterAll(async () => {
  await server.close();
  await fleet.close();
});

test(`R-01: workers are killed ${KILLS} times during ${EVENTS} events to ${PEOPLE} people: nothing lost, doubled or out of order`, async () => {
  let restarted: Promise<unknown> = Promise.resolve();
  const givenBack: Promise<number>[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const happening = happen(EVENTS / KILLS);
    await pause(random() * 60);
    const living = await fellows();
    await fleet.workers.shift()?.stop("SIGKILL");
    givenBack.push(untilGivenBack(living));
    await Promise.all([happening, restarted]);
    restarted = fleet.startWorker();
  }
  await restarted;
  await fleet.allDelivered(60_000);

  for (const [at, person] of people.entries()) {
    const inbox = await inboxOf(fleet.world, person);
    expect(inbox.map(({ seq }) => seq)).toEqual(Array.from({ length: EVENTS / 20 }, (_, n) => n + 1));
    for (const listing of listings) {
      const events = inbox.filter(({ listingId }) => listingId === listing.id).map(({ eventId }) => eventId);
      expect(events).toEqual(events.toSorted((a, b) => a - b));
    }
    const stream = streams[at];
    await stream?.next(({ event, id }) => event === "toast" && id === String(inbox.length));
    if (stream) expect(stream.seqs()).toEqual(inbox.map(({ seq }) => seq));
  }
  const waits = await waitsOfAll();
  const interrupted = await Promise.all(givenBack);
  report("R-01", {
    seed: SEED,
    events: EVENTS,
    kills: KILLS,
    notifications: (EVENTS / 20) * PEOPLE,
    "s from kill until its jobs were given back, p50": percentile(interrupted, 0.5) / 1000,
    worst: Math.max(...interrupted) / 1000,
    "s from change to delivery, p50": percentile(waits, 0.5),
    p95: percentile(waits, 0.95),
    slowest: Math.max(...waits),
  });
  expect(Math.max(...interrupted)).toBeLessThan(5000);
}, 300_000);

/** Things happen to the listings in turn, as fast as the database takes them. */
async function happen(count: number): Promise<void> {
  const { db, cast } = fleet.world;
  for (let n = 0; n < count; n += 1) {
    const listing = listings[happened % listings.length];
    happened += 1;
    if (!listing) return;
    const data = { title: listing.title, sellerId: cast.sol.id, buyerId: null };
    await db
      .transaction()
      .execute((trx) =>
        recordEvent(trx, { kind: "listing_withdrawn", actorId: cast.sol.id, listingId: listing.id, data }),
      );
  }
}

/** Ms until none of the jobs that a fellow held who is dead now is held by the same hands. */
async function untilGivenBack(before: number[]): Promise<number> {
  const began = Date.now();
  let dead: number[] = [];
  await until(async () => {
    const living = await fellows();
    dead = before.filter((fellow) => !living.includes(fellow));
    return dead.length > 0;
  });
  const held = await jobsOf(dead);
  await until(async () => {
    const still = await jobsOf(dead);
    return !held.some((job) => still.includes(job));
  }, 30_000);
  return Date.now() - began;
}

/** The workers that are known as living, by the numbers of their locks. */
async function fellows(): Promise<number[]> {
  const { rows } = await fleet.world.pool.query<{ fellow: number }>(`
    select (objid::int8 - case when objid::int8 < 2 ^ 31 then 0 else 2 ^ 32 end)::int as fellow
    from pg_locks join pg_database on pg_database.oid = database
    where locktype = 'advisory' and classid = 712002 and datname = current_database()`);
  return rows.map(({ fellow }) => fellow);
}

async function jobsOf(fellows: number[]): Promise<string[]> {
  const { rows } = await fleet.world.pool.query<{ job: string }>(
    "select concat_ws(' ', id, locked_by, locked_at) as job from graphile_worker.jobs where hashtext(locked_by) = any($1)",
    [fellows],
  );
  return rows.map(({ job }) => job);
}

/** The seconds that each event waited for its delivery, behind all others and until somebody took its job up again. */
async function waitsOfAll(): Promise<number[]> {
  const { rows } = await fleet.world.pool.query<{ waited: number }>(
    "select extract(epoch from delivered_at - occurred_at)::float as waited from events where kind = 'listing_withdrawn'",
  );
  return rows.map((row) => row.waited);
}
