import { Redis } from "ioredis";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { startWorker } from "../../src/runner.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { until } from "../processes.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { serve, type TestServer } from "../server.ts";
import type { SseClient } from "../sse.ts";
import { createWorld, type World } from "../world.ts";
import { percentile, report, sized } from "./sizes.ts";

const EVENTS = sized(10_000, 150);
const EACH = sized(10, 5);
const KILLS = sized(20, 3);
const LISTINGS = sized(25, 5);

let world: World;
let server: TestServer;
let worker: { stop(): Promise<void> };
let redis: Redis;
// Of its own: killing the subscribers of the run's Redis would make others deaf.
let ownRedis: TestRedis;

beforeAll(async () => {
  ownRedis = await startRedis();
  world = await createWorld({ redis: ownRedis.url });
  server = await serve(world);
  worker = await startWorker(world);
  redis = new Redis(ownRedis.url);
});
afterAll(async () => {
  redis.disconnect();
  await worker.stop();
  await server.close();
  await world.close();
  await ownRedis.stop();
});

/** Things happen in one statement, each with its job, as recordEvent writes them. */
async function happen(listingIds: number[], count: number): Promise<void> {
  await sql`
    with happened as (
      insert into events (kind, actor_id, listing_id, data)
      select 'listing_withdrawn', ${world.cast.sol.id}, (${listingIds}::bigint[])[1 + n % ${listingIds.length}::int],
        jsonb_build_object('title', 'Copper', 'sellerId', ${world.cast.sol.id}::bigint, 'buyerId', null)
      from generate_series(1, ${count}::int) n returning id)
    select count(graphile_worker.add_job('deliver_event', json_build_object('eventId', id))) from happened`.execute(
    world.db,
  );
}

async function killSubscribers(): Promise<void> {
  await redis.call("CLIENT", "KILL", "TYPE", "pubsub");
}

test(`R-04: the bus's connection is killed ${KILLS} times while ${EVENTS * EACH} notifications go out: nothing is lost at clients, and they are caught up within two seconds`, async () => {
  const { db, cast } = world;
  const listings: number[] = [];
  for (let n = 0; n < LISTINGS; n += 1) listings.push((await publishedListing(db, cast.sol)).id);
  const watchers: { person: Viewer; stream: SseClient }[] = [];
  for (let n = 0; n < EACH; n += 1) {
    const person = await createPerson(db, { role: "buyer" });
    for (const id of listings) await watchListing(db, person, id);
    watchers.push({ person, stream: await server.stream(await server.signIn(person)) });
  }

  const late: number[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    await happen(listings, EVENTS / KILLS);
    await until(async () => (await waiting()) < EVENTS / KILLS / 2, 30_000);
    await killSubscribers();
    await until(() => !world.bus.up);
    await until(() => world.bus.up);
    late.push(await caughtUp(watchers));
  }
  await until(async () => (await waiting()) === 0, 30_000);
  await caughtUp(watchers);
  for (const { stream } of watchers) {
    const seqs = stream.seqs();
    expect(seqs).toEqual(Array.from({ length: EVENTS }, (_, at) => at + 1));
  }
  const worst = Math.max(...late);
  report("R-04", {
    events: EVENTS,
    notifications: EVENTS * EACH,
    kills: KILLS,
    "ms from the bus's return until all were told all, p50": percentile(late, 0.5),
    worst,
  });
  expect(worst).toBeLessThan(2000);
}, 300_000);

async function waiting(): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) from events where delivered_at is null`.execute(
    world.db,
  );
  return rows[0]?.count ?? 0;
}

/** Ms until every stream has been told whatever was stored before the bus came back. */
async function caughtUp(watchers: { person: Viewer; stream: SseClient }[]): Promise<number> {
  const began = performance.now();
  const { rows } = await sql<{
    userId: number;
    last: number;
  }>`select user_id as "userId", last_seq as last from inboxes`.execute(world.db);
  const last = new Map(rows.map((row) => [row.userId, row.last]));
  for (const { person, stream } of watchers) {
    const wanted = last.get(person.id) ?? 0;
    await until(() => Number(stream.events.findLast(({ id }) => id !== null)?.id ?? 0) >= wanted);
  }
  return Math.round(performance.now() - began);
}
