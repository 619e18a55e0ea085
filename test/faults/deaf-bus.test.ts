import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createBus } from "../../src/bus.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { createPerson, publishedListing, signIn } from "../cast.ts";
import { freePort, startProcess, type TestProcess, until } from "../processes.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { serve } from "../server.ts";
import { named, openSse } from "../sse.ts";
import { createWorld, type World } from "../world.ts";
import { QUICK, startDeafening } from "./deafening.ts";
import { FULL, report, sized } from "./sizes.ts";

const TOKEN = "a-token-for-scrapes-1234";
// Until a process that stays deaf ends, and a half more.
const LONG_MS = sized(60_000, 7000);

let world: World;
let redis: TestRedis;
let ears: Awaited<ReturnType<typeof startDeafening>>;

beforeAll(async () => {
  redis = await startRedis();
  ears = await startDeafening(redis.port);
  world = await createWorld({ redis: ears.url, env: { METRICS_TOKEN: TOKEN } });
});
afterAll(async () => {
  await world.close();
  await ears.proxy.close();
  await redis.stop();
});

/** The application with a bus of its own, which is quick to conclude. */
async function site() {
  ears.letThrough();
  const written: string[] = [];
  const bus = createBus(world.config, pino({ level: "info" }, { write: (line) => void written.push(line) }), QUICK);
  const ups: boolean[] = [];
  bus.onUp(() => ups.push(bus.up));
  await until(() => bus.roundTripMs !== undefined);
  const server = await serve({ ...world, bus });
  onTestFinished(async () => {
    await server.close();
    await bus.close();
  });
  const lines = (words: string) => written.filter((line) => line.includes(words)).map((line) => JSON.parse(line));
  return { bus, server, ups, lines };
}

async function ready(url: string | undefined): Promise<[number, string]> {
  const answer = await fetch(`${url}/readyz`);
  return [answer.status, ((await answer.json()) as { redis: string }).redis];
}

async function busUp(url: string): Promise<string | undefined> {
  const answer = await fetch(`${url}/metrics`, { headers: { Authorization: `Bearer ${TOKEN}` } });
  return /^stockbell_bus_up (\d)$/m.exec(await answer.text())?.[1];
}

test("R-05: a process that does not hear what its Redis takes says that it is deaf, and one new connection makes it hear again", async () => {
  const { bus, server, ups, lines } = await site();
  expect([await ready(server.url), await busUp(server.url)]).toEqual([[200, "ok"], "1"]);
  expect(bus.roundTripMs).toBeLessThan(1000);
  const before = ups.length;
  const connections = ears.made();
  ears.deafen("present");
  await until(() => bus.deaf);
  expect(bus.up).toBe(false);
  await until(() => bus.up);
  expect(ears.made()).toBe(connections + 1);
  expect(lines("the bus is deaf")).toMatchObject([{ level: 40 }]);
  expect(lines("the bus hears again")).toHaveLength(1);
  expect(lines("the bus is down")).toEqual([]);
  expect(ups.slice(before)).toEqual([true]);
  expect(await ready(server.url)).toEqual([200, "ok"]);
});

test("R-05: who hears itself again before all of its channels are subscribed is up once, and not before they are", async () => {
  const { bus, ups } = await site();
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  await Promise.all(Array.from({ length: 5000 }, (_, at) => bus.subscribe(`one-of-many:${at}`)));
  const subscribed: Promise<unknown[]>[] = [];
  bus.onUp(() => void subscribed.push(client.pubsub("CHANNELS", "*one-of-many:*")));
  const before = ups.length;
  ears.deafen("present");
  await until(() => bus.deaf);
  const [self] = (await client.pubsub("CHANNELS", "*self:*")) as string[];
  for (const since = ears.made(); !bus.up || ears.made() === since; ) await client.publish(self as string, "0");
  expect(ups.slice(before)).toEqual([true]);
  expect(await Promise.all(subscribed)).toEqual([expect.objectContaining({ length: 5000 })]);
});

test("R-05: while it stays deaf new people are sent elsewhere, and those who are there miss nothing, also when it hears again", async () => {
  const { db, cast } = world;
  const { bus, server, ups, lines } = await site();
  const person = await createPerson(db, { role: "buyer" });
  const listings = [await publishedListing(db, cast.sol), await publishedListing(db, cast.sol)];
  for (const { id } of listings) await watchListing(db, person, id);
  await world.drain();
  const stream = await server.stream(await server.signIn(person));
  const tell = async (at: number) => {
    await withdrawListing(db, cast.sol, listings[at] as (typeof listings)[number]);
    await world.drain();
  };
  ears.deafen("all");
  await until(() => bus.deaf);
  const connections = ears.made();
  expect([await ready(server.url), await busUp(server.url)]).toEqual([[503, "deaf"], "0"]);
  await tell(0);
  await stream.next(named("toast"), 8000);
  // It tries again and again, says so once, and nobody takes it for well meanwhile.
  await until(() => ears.made() >= connections + 2);
  expect([await ready(server.url), await busUp(server.url)]).toEqual([[503, "deaf"], "0"]);
  expect(lines("the bus is deaf")).toHaveLength(1);
  const before = ups.length;
  await tell(1);
  ears.letThrough();
  await until(() => bus.up);
  await stream.next(({ id }) => id === "2", 1000);
  expect(ups.slice(before)).toEqual([true]);
  expect(stream.seqs()).toEqual([1, 2]);
  expect(await ready(server.url)).toEqual([200, "ok"]);
});

/** A real process; in the short form one that does not wait for half a minute. */
async function startWeb(redisUrl: string): Promise<TestProcess> {
  const env = { DATABASE_URL: world.databaseUrl, REDIS_URL: redisUrl, PORT: String(await freePort()) };
  const web = await startProcess(FULL ? "src/web.ts" : "test/fixtures/quick-web.ts", { env });
  await web.waitForLog(/the bus is up/, 30_000);
  await web.waitForLog(/listens/, 30_000);
  return web;
}

test("R-05: a process that stays deaf tells its streams when to come back, and ends as one that failed", async () => {
  const way = await startDeafening(redis.port);
  onTestFinished(() => way.proxy.close());
  const web = await startWeb(way.url);
  const url = web.url ?? "";
  const cookies = await Promise.all([world.cast.bea, world.cast.sol].map((person) => signIn(url, person)));
  const streams = await Promise.all(cookies.map((cookie) => openSse(`${url}/stream`, { cookie })));
  for (const stream of streams) await stream.next(named("heartbeat"), 20_000);
  const began = Date.now();
  const connections = way.made();
  way.deafen("all");
  await web.waitForLog(/the bus is deaf/, 20_000);
  const noticed = Date.now() - began;
  expect(await ready(url)).toEqual([503, "deaf"]);
  const attempts = web.waitForLog(/"level":60.*the bus stays deaf/, 60_000).then(() => way.made() - connections);
  expect(await web.exited).toEqual({ code: 1, signal: null });
  const ended = Date.now() - began;
  for (const stream of streams) {
    const bye = await stream.next(named("bye"));
    expect(JSON.parse(bye.data).reconnect).toBeGreaterThanOrEqual(500);
  }
  report("R-05", { "s until it called itself deaf": noticed / 1000, "until it ended": ended / 1000 });
  expect(await attempts).toBeGreaterThanOrEqual(3);
  expect(await attempts).toBeLessThanOrEqual(6);
  expect(web.logs().split("the bus is deaf")).toHaveLength(2);
  expect(ended).toBeLessThan(LONG_MS);
}, 120_000);

for (const [what, goAway, says] of [
  ["is stopped", stopped, "degraded"],
  ["is silent", silent, "degraded"],
  ["takes no new connection", refusing, "degraded"],
  ["is well, but the process itself stood still", stoodStill, "ok"],
] as const) {
  test.concurrent(`R-05: and no process ends when Redis ${what} for as long as that, nor sends anybody elsewhere`, async () => {
    const own = await startRedis();
    const way = await startDeafening(own.port);
    const web = await startWeb(way.url);
    const back = await goAway({ redis: own, way, web }, async () => {
      expect(await ready(web.url)).toEqual([200, says]);
    });
    await until(async () => (await ready(web.url))[1] === "ok", 10_000);
    expect(web.logs()).not.toMatch(/deaf|"level":60/);
    expect(await web.stop()).toEqual({ code: 0, signal: null });
    await way.proxy.close();
    await back.stop();
  }, 120_000);
}

type Place = { redis: TestRedis; way: typeof ears; web: TestProcess };

async function stopped({ redis, web }: Place, look: () => Promise<void>): Promise<TestRedis> {
  await redis.stop();
  await web.waitForLog(/the bus is down/);
  await lookFor(LONG_MS, look);
  return startRedis(redis.port);
}

/** Its connections stay open, and no answer comes. */
async function silent({ redis, web }: Place, look: () => Promise<void>): Promise<TestRedis> {
  process.kill(redis.pid, "SIGSTOP");
  await web.waitForLog(/the bus is down/);
  await lookFor(LONG_MS, look);
  process.kill(redis.pid, "SIGCONT");
  return redis;
}

/** Its publisher keeps its connection, its subscriber has lost its own. */
async function refusing({ redis, way, web }: Place, look: () => Promise<void>): Promise<TestRedis> {
  const client = new Redis(redis.url);
  way.proxy.refuse(true);
  await client.call("CLIENT", "KILL", "TYPE", "pubsub");
  await web.waitForLog(/the bus is down/);
  await lookFor(LONG_MS, look);
  way.proxy.refuse(false);
  client.disconnect();
  return redis;
}

async function stoodStill({ redis, web }: Place, look: () => Promise<void>): Promise<TestRedis> {
  process.kill(web.pid, "SIGSTOP");
  await pause(LONG_MS);
  process.kill(web.pid, "SIGCONT");
  await lookFor(2000, look);
  return redis;
}

/** Looks again and again for so long. */
async function lookFor(ms: number, look: () => Promise<void>): Promise<void> {
  for (const until = Date.now() + ms; Date.now() < until; await pause(250)) await look();
}
