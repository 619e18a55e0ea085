import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import express from "express";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createPool } from "../src/db.ts";
import { healthRoutes } from "../src/health.ts";
import type { ListingView } from "../src/marketplace/listings.ts";
import { watchListing } from "../src/marketplace/watches.ts";
import { relistListing, withdrawListing } from "../src/marketplace/withdrawal.ts";
import { createMetrics } from "../src/metrics.ts";
import { addJob } from "../src/queue.ts";
import { frame } from "../src/stream/frames.ts";
import { get } from "./accounts/site.ts";
import { publishedListing } from "./cast.ts";
import { until } from "./processes.ts";
import { startRedis, type TestRedis } from "./redis.ts";
import { serve, type TestServer } from "./server.ts";
import { named } from "./sse.ts";
import { createWorld, type World } from "./world.ts";

const TOKEN = "a-token-for-scrapes-1234";
const scrape = { Authorization: `Bearer ${TOKEN}` };

let redis: TestRedis;
let world: World;
let server: TestServer;
let bea: string;
let watched: ListingView;

beforeAll(async () => {
  redis = await startRedis();
  world = await createWorld({ redis: redis.url, env: { METRICS_TOKEN: TOKEN, STREAM_MAX: "2" } });
  server = await serve(world);
  bea = await server.signIn(world.cast.bea);
  watched = await publishedListing(world.db, world.cast.sol);
  await watchListing(world.db, world.cast.bea, watched.id);
  await world.drain();
  await until(() => world.bus.up);
});
afterAll(async () => {
  await server.close();
  await world.close();
  await redis.stop();
});

describe("P-12: /metrics counts", () => {
  let base: Figures;
  beforeEach(async () => {
    base = await figures();
  });

  test("streams that are open, that opened by how they stood, that were refused, and that ended by reason", async () => {
    const fresh = await server.stream(bea);
    const odd = await server.stream(bea, "?lastEventId=999999");
    expect((await fetch(`${server.url}/stream`, { headers: { Cookie: bea } })).status).toBe(503);
    const during = await figures();
    expect(during('stockbell_streams{role="buyer"}')).toBe(2);
    expect(during('stockbell_streams{role="seller"}')).toBe(0);
    expect(rise(during, 'stockbell_stream_opens_total{state="fresh"}')).toBe(1);
    expect(rise(during, 'stockbell_stream_opens_total{state="reset"}')).toBe(1);
    expect(rise(during, 'stockbell_stream_refusals_total{status="503"}')).toBe(1);
    for (const client of [fresh, odd]) client.close();
    await allLeft();
    const left = await figures();
    expect(left('stockbell_streams{role="buyer"}')).toBe(0);
    expect(rise(left, 'stockbell_stream_ends_total{reason="client"}')).toBe(2);
  });

  test("what was told within which time, and of what a stream missed how much it was replayed", async () => {
    const client = await server.stream(bea);
    await change();
    const { id } = await client.next(named("toast"));
    client.close();
    await allLeft();
    const told = await figures();
    expect(rise(told, 'stockbell_sent_total{event="toast"}')).toBe(1);
    expect(rise(told, "stockbell_delivery_seconds_count")).toBe(1);
    expect(rise(told, 'stockbell_delivery_seconds_bucket{le="10"}')).toBe(1);
    expect(rise(told, "stockbell_replay_rows_count")).toBe(0);
    for (let n = 0; n < 2; n += 1) await change();
    const back = await server.stream(bea, `?lastEventId=${id}`);
    back.close();
    await allLeft();
    const caughtUp = await figures();
    expect(rise(caughtUp, 'stockbell_stream_opens_total{state="resumed"}')).toBe(1);
    expect(rise(caughtUp, "stockbell_replay_rows_count")).toBe(1);
    expect(rise(caughtUp, "stockbell_replay_rows_sum")).toBe(2);
    expect(rise(caughtUp, 'stockbell_replay_rows_bucket{le="1"}')).toBe(0);
    expect(rise(caughtUp, "stockbell_catchup_rows_total")).toBe(2);
    // Somebody who was away has not been told late.
    expect(rise(caughtUp, "stockbell_delivery_seconds_count")).toBe(1);
  });

  test("readers that were cut because they do not read", async () => {
    const client = await server.stream(bea);
    const [stream] = server.streams();
    const big = frame("market", "x".repeat(900_000));
    for (let n = 0; n < 60 && !stream?.connection.ended; n += 1) stream?.connection.send("market", big);
    client.close();
    expect(rise(await figures(), 'stockbell_stream_ends_total{reason="slow"}')).toBe(1);
  });

  test("that Redis is away, and as late what is told by a look at Postgres", async () => {
    expect(base("stockbell_bus_up")).toBe(1);
    const client = await server.stream(bea);
    await redis.stop();
    await until(() => !world.bus.up);
    await change();
    await client.next(named("toast"), 15_000);
    const away = await figures();
    client.close();
    await allLeft();
    expect(away("stockbell_bus_up")).toBe(0);
    expect(rise(away, "stockbell_delivery_seconds_count")).toBe(1);
    redis = await startRedis(redis.port);
    await until(() => world.bus.up);
    expect((await figures())("stockbell_bus_up")).toBe(1);
  });

  function rise(now: Figures, name: string): number {
    return now(name) - base(name);
  }
});

describe("P-12: /metrics tells of the queue and the log of events", () => {
  beforeEach(async () => {
    await sql`delete from graphile_worker._private_jobs`.execute(world.db);
    await sql`update events set delivered_at = now() where delivered_at is null`.execute(world.db);
  });

  test("the jobs by state, and for how long the oldest has been due: not those that wait for their time or for a person", async () => {
    const none = await figures();
    expect(none("stockbell_oldest_job_seconds")).toBe(0);
    await addJob(world.db, "expire_reservation", { reservationId: 1 }, { delayMs: 3_600_000 });
    await sql`select graphile_worker.add_job('given_up', run_at := now() - interval '1 day', max_attempts := 1)`.execute(
      world.db,
    );
    await sql`update graphile_worker._private_jobs set attempts = max_attempts where max_attempts = 1`.execute(
      world.db,
    );
    expect((await figures())("stockbell_oldest_job_seconds")).toBe(0);
    await addJob(world.db, "announce_marks", { userId: 1, seqs: [] }, { delayMs: -90_000 });
    await addJob(world.db, "announce_marks", { userId: 1, seqs: [] }, { delayMs: -30_000 });
    const due = await figures();
    expect(due("stockbell_oldest_job_seconds")).toBeGreaterThanOrEqual(90);
    expect(due("stockbell_oldest_job_seconds")).toBeLessThan(120);
    const states = ["waiting", "scheduled", "failed", "retrying", "running"];
    expect(states.map((state) => due(`stockbell_jobs{state="${state}"}`))).toEqual([2, 1, 1, 0, 0]);
  });

  test("events of which nobody has been told yet, and the age of the oldest that waits in its lane", async () => {
    const none = await figures();
    expect(none('stockbell_undelivered_events{state="in_lane"}')).toBe(0);
    expect(none("stockbell_oldest_event_seconds")).toBe(0);
    const { id } = await publishedListing(world.db, world.cast.sol);
    await publishedListing(world.db, world.cast.rita);
    await sql`update events set occurred_at = now() - interval '70 seconds' where listing_id = ${id}`.execute(world.db);
    const waiting = await figures();
    expect(waiting('stockbell_undelivered_events{state="in_lane"}')).toBe(2);
    expect(waiting("stockbell_oldest_event_seconds")).toBeGreaterThanOrEqual(70);
    expect(waiting("stockbell_oldest_event_seconds")).toBeLessThan(100);
    expect(waiting("stockbell_last_event")).toBe(none("stockbell_last_event") + 2);
    await sql`update events set left_lane_at = now() where listing_id = ${id}`.execute(world.db);
    const alone = await figures();
    expect(alone('stockbell_undelivered_events{state="left_lane"}')).toBe(1);
    expect(alone("stockbell_oldest_event_seconds")).toBeLessThan(70);
  });

  test("nothing of either while the database is away, and that it is", async () => {
    const { status, text } = await get(withPool(await poolToNobody()), "/metrics", "", scrape);
    expect(status).toBe(200);
    expect(text).toContain("stockbell_database_up 0");
    expect(text).not.toMatch(
      /^stockbell_(jobs|oldest_job_seconds|undelivered_events|oldest_event_seconds|last_event)[ {]/m,
    );
    expect((await figures())("stockbell_database_up")).toBe(1);
  });
});

test("however many are told between two scrapes, each is counted, once, in the bucket of its time", async () => {
  const metrics = createMetrics();
  for (let n = 0; n < 2500; n += 1) metrics.delivered(n % 2 ? 0.02 : 3);
  await metrics.registry.metrics();
  const text = await metrics.registry.metrics();
  expect(text).toContain("stockbell_delivery_seconds_count 2500\n");
  for (const [bound, count] of [
    ["0.01", 0],
    ["0.025", 1250],
    ["2.5", 1250],
    ["5", 2500],
  ]) {
    expect(text).toContain(`stockbell_delivery_seconds_bucket{le="${bound}"} ${count}\n`);
  }
});

test("P-12: /metrics tells how many connections to the database are busy, and how many are waited for", async () => {
  const pool = createPool(world.config, 2, "request");
  onTestFinished(() => pool.end());
  const app = withPool(pool);
  const held = [await pool.connect(), await pool.connect()];
  const awaited = pool.query("select 1");
  const { text } = await get(app, "/metrics", "", scrape);
  for (const client of held) client.release();
  await awaited;
  expect(text).toContain('stockbell_connections{state="busy"} 2');
  expect(text).toContain('stockbell_connections{state="idle"} 0');
  expect(text).toContain('stockbell_connections{state="awaited"} 1');
});

type Figures = (name: string) => number;

/** @returns what a series stands at; 0 when it has not begun */
async function figures(): Promise<Figures> {
  const text = await (await fetch(`${server.url}/metrics`, { headers: scrape })).text();
  const lines = text.split("\n").map((line) => line.split(/ (?=[^ ]+$)/));
  const values = new Map(lines.map(([name = "", value]) => [name, Number(value)]));
  return (name) => values.get(name) ?? 0;
}

/** Takes what Bea watches off the market, or puts it back, and has it delivered. */
async function change(): Promise<void> {
  const { status, version } = await world.db
    .selectFrom("listings")
    .select(["status", "version"])
    .where("id", "=", watched.id)
    .executeTakeFirstOrThrow();
  const act = status === "withdrawn" ? relistListing : withdrawListing;
  await act(world.db, world.cast.sol, { id: watched.id, version });
  await world.drain();
}

async function allLeft(): Promise<void> {
  await until(() => server.streams().length === 0);
}

/** The routes by themselves, with connections of their own. */
function withPool(pool: ReturnType<typeof createPool>) {
  const { config, bus } = world;
  return express().use(healthRoutes({ config, bus, pool, metrics: createMetrics(), hub: { closing: false } }));
}

async function poolToNobody() {
  const silent = createServer((socket) => void socket.destroy()).listen(0, "127.0.0.1");
  onTestFinished(() => void silent.close());
  await once(silent, "listening");
  const databaseUrl = `postgres://nobody@127.0.0.1:${(silent.address() as AddressInfo).port}/nothing`;
  return createPool({ databaseUrl, databaseCa: undefined, unverifiedTls: [] }, 2);
}
