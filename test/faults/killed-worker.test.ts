import { setTimeout as pause } from "node:timers/promises";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { recordEvent } from "../../src/events/record.ts";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { createCrowd, createPerson, publishedListing } from "../cast.ts";
import { type Fleet, inboxOf, startFleet } from "../fleet/fleet.ts";
import type { SseClient } from "../sse.ts";

const EVENTS = 1000;
const PEOPLE = 200;
const KILLS = 20;
const LISTENERS = 10;

let fleet: Fleet;
let listings: ListingView[];
let people: { id: number }[];
let streams: SseClient[];
let happened = 0;

beforeAll(async () => {
  fleet = await startFleet(1, 3);
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
  const [web] = fleet.webs;
  for (const person of listeners) {
    if (web) streams.push(await fleet.stream(web, await fleet.signIn(web, person)));
  }
});
afterAll(() => fleet.close());

test(`R-01: workers are killed ${KILLS} times during ${EVENTS} events to ${PEOPLE} people: nothing lost, doubled or out of order`, async () => {
  let restarted: Promise<unknown> = Promise.resolve();
  for (let kill = 0; kill < KILLS; kill += 1) {
    const happening = happen(EVENTS / KILLS);
    await pause(Math.random() * 60);
    await fleet.workers.shift()?.stop("SIGKILL");
    await Promise.all([happening, restarted]);
    restarted = fleet.startWorker();
  }
  await restarted;
  await fleet.allDelivered();

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
  expect(await slowest()).toBeLessThan(5);
}, 120_000);

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

/** The seconds that the unluckiest event waited, those that a killed worker had begun among them. */
async function slowest(): Promise<number> {
  const { rows } = await fleet.world.pool.query(
    `select extract(epoch from delivered_at - occurred_at)::float as waited from events where kind = 'listing_withdrawn' order by 1`,
  );
  const waits: number[] = rows.map((row) => row.waited);
  const at = (share: number) => waits[Math.floor((waits.length - 1) * share)]?.toFixed(3);
  console.log(`R-01: seconds from change to delivery: p50 ${at(0.5)}, p95 ${at(0.95)}, slowest ${at(1)}`);
  return waits.at(-1) ?? Number.POSITIVE_INFINITY;
}
