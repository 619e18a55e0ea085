import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { enquire } from "../../src/marketplace/enquiries.ts";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { startWorker } from "../../src/runner.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { inboxOf } from "../fleet/fleet.ts";
import { serve, type TestServer } from "../server.ts";
import type { SseClient } from "../sse.ts";
import { createWorld, type World } from "../world.ts";
import { report, sized } from "./sizes.ts";

const TIMES = 10;
const ROUNDS = sized(20, 2);
const WATCHERS = 5;

let world: World;
let server: TestServer;
let workers: { stop(): Promise<void> }[];
let watchers: { person: Viewer; stream: SseClient }[];
let cookies: { bea: string; sol: string };

beforeAll(async () => {
  world = await createWorld({ redis: true });
  server = await serve(world);
  workers = [await startWorker(world), await startWorker(world)];
  const { bea, sol } = world.cast;
  cookies = { bea: await server.signIn(bea), sol: await server.signIn(sol) };
  watchers = [];
  for (let n = 0; n < WATCHERS; n += 1) {
    const person = await createPerson(world.db, { role: "buyer" });
    watchers.push({ person, stream: await server.stream(await server.signIn(person)) });
  }
});
afterAll(async () => {
  for (const worker of workers) await worker.stop();
  await server.close();
  await world.close();
});

/** Ten clicks at once. @returns how often each status was answered */
async function clicks(path: string, cookie: string, fields: Record<string, string>): Promise<Record<number, number>> {
  const answers = await Promise.all(Array.from({ length: TIMES }, () => server.post(path, cookie, fields)));
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

async function watched(): Promise<ListingView> {
  const listing = await publishedListing(world.db, world.cast.sol);
  for (const { person } of watchers) await watchListing(world.db, person, listing.id);
  return listing;
}

/** What everybody's inbox and stream has of a listing, when nothing waits any more. */
async function toldOf(people: { id: number }[], listingId: number): Promise<number[]> {
  await expect.poll(async () => (await waiting()).length, { timeout: 10_000 }).toBe(0);
  const inboxes = await Promise.all(people.map((person) => inboxOf(world, person)));
  return inboxes.map((rows) => rows.filter((row) => row.listingId === listingId).length);
}

async function waiting(): Promise<unknown[]> {
  const { rows } = await sql`
    select 1 from events where delivered_at is null union all select 1 from graphile_worker.jobs`.execute(world.db);
  return rows;
}

const once = (people: unknown[]) => people.map(() => 1);
const persons = () => watchers.map(({ person }) => person);

test(`R-16: ${ROUNDS} times ten clicks on withdraw at once: one is accepted, nine are told how it stands, and each watcher hears of it once`, async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const listing = await watched();
    const statuses = await clicks(`/listings/${listing.id}/withdrawal`, cookies.sol, { version: `${listing.version}` });
    expect(statuses).toEqual({ 303: 1, 409: TIMES - 1 });
    expect(await toldOf(persons(), listing.id)).toEqual(once(watchers));
  }
});

test(`R-16: ${ROUNDS} times the same question and the same answer are sent ten times at once: seller and buyer are told once each`, async () => {
  const { bea, sol } = world.cast;
  for (let round = 0; round < ROUNDS; round += 1) {
    const listing = await publishedListing(world.db, sol);
    const asked = await clicks(`/listings/${listing.id}/enquiries`, cookies.bea, { message: "Is it still there?" });
    expect(asked).toEqual({ 303: TIMES });
    expect(await toldOf([sol], listing.id)).toEqual([1]);
    const thread = await enquire(world.db, bea, listing.id, "Is it still there?");
    const answered = await clicks(`/enquiries/${thread}/messages`, cookies.sol, { message: "It is." });
    expect(answered).toEqual({ 303: TIMES });
    expect(await toldOf([sol, bea], listing.id)).toEqual([1, 1]);
  }
});

test(`R-16: ${ROUNDS} times the job of one event is there ten times over, for two workers: each watcher hears of it once, on the stream too`, async () => {
  for (let round = 0; round < ROUNDS; round += 1) {
    const listing = await watched();
    const data = JSON.stringify({ title: listing.title, sellerId: listing.sellerId, buyerId: null });
    await sql`
      with happened as (
        insert into events (kind, actor_id, listing_id, data)
        values ('listing_withdrawn', ${listing.sellerId}, ${listing.id}, ${data}::jsonb) returning id)
      select graphile_worker.add_job('deliver_event', json_build_object('eventId', id))
      from happened, generate_series(1, ${TIMES}::int)`.execute(world.db);
    expect(await toldOf(persons(), listing.id)).toEqual(once(watchers));
  }
  for (const { person, stream } of watchers) {
    const all = (await inboxOf(world, person)).map(({ seq }) => seq);
    await stream.next(({ id }) => id === String(all.length));
    expect(stream.seqs()).toEqual(all);
    expect(all).toEqual(all.map((_, n) => n + 1));
  }
  report("R-16", { "rounds of each": ROUNDS, "posted or run at once": TIMES, "notifications each": 1 });
});
