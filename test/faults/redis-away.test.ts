import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { createServer } from "node:tls";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { findListings } from "../../src/marketplace/listings.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { relistListing, withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { createPerson, publishedListing, signIn } from "../cast.ts";
import { selfSigned } from "../certificate.ts";
import { type Fleet, inboxOf, startFleet } from "../fleet/fleet.ts";
import { freePort, startProcess, type TestProcess, until } from "../processes.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { seqsOf } from "../sse.ts";
import { createWorld } from "../world.ts";
import { openReader, type Reader } from "./reader.ts";
import { report, sized } from "./sizes.ts";

const STOPPED_MS = sized(60_000, 2000);
const PAUSED_MS = sized(30_000, 5000);
const EVERY_MS = 200;

let redis: TestRedis;
let fleet: Fleet;
const readers: Reader[] = [];
const exits: number[] = [];

beforeAll(async () => {
  redis = await startRedis();
  fleet = await startFleet(sized(2, 1), sized(2, 1), {}, await createWorld({ redis: redis.url }));
  for (const { pid, exited } of [...fleet.webs, ...fleet.workers]) exited.then(() => exits.push(pid));
});
afterAll(async () => {
  for (const reader of readers) reader.close();
  await fleet?.close();
  await redis?.stop();
});

for (const [way, goAway] of [
  [`is stopped for ${STOPPED_MS / 1000} s`, stopped],
  [`is silent for ${PAUSED_MS / 1000} s`, silent],
] as const) {
  test(`R-05: Redis ${way}: pages and sign-in are there, streams stay open, what happens comes from Postgres, and nothing is lost`, async () => {
    const news = await startNews(fleet.webs);
    const processes = [...fleet.webs, ...fleet.workers];
    const before = processes.map(complaints);
    const began = Date.now();
    const back = await goAway(async () => {
      for (const web of fleet.webs) await useSite(web);
    });
    const jobs = await waitingJobs();
    const lines = processes.map((process, at) => complaints(process) - (before[at] ?? 0));
    const seconds = (back - began) / 1000;
    await news.flowing(back);
    const { late, live } = await news.stop(back);
    report("R-05", {
      Redis: way,
      "slowest toast, s": late / 1000,
      "longest without a card, s": news.longestWithout("market", began, back) / 1000,
      "longest without an oversight row, s": news.longestWithout("oversight", began, back) / 1000,
      "s until every toast was live again": live / 1000,
      "warnings a second, worst process": Math.max(...lines) / seconds,
      "jobs waiting at the end": jobs,
    });
    expect(exits).toEqual([]);
    expect(late).toBeLessThan(10_000);
    expect(live).toBeLessThan(5000);
    expect(news.longestWithout("market", began, back)).toBeLessThan(10_000);
    expect(news.longestWithout("oversight", began, back)).toBeLessThan(10_000);
    // The first second says that it is away, and so does the last that it is back.
    expect(Math.max(...lines)).toBeLessThanOrEqual(3 + seconds);
    expect(jobs).toBeLessThan(10);
  }, 180_000);
}

test("R-05: a Redis whose certificate nobody vouches for is refused, the site goes on without it, and one that is pinned is taken", async () => {
  const { cert, key } = selfSigned();
  const front = createServer({ cert, key }, (client) => {
    const behind = connect(redis.port, "127.0.0.1");
    client
      .on("error", () => {})
      .pipe(behind.on("error", () => {}))
      .pipe(client);
  });
  await once(front.listen(0, "127.0.0.1"), "listening");
  const address = `rediss://127.0.0.1:${(front.address() as AddressInfo).port}`;
  const common = { DATABASE_URL: fleet.world.databaseUrl, REDIS_URL: address };
  const start = async (env: object) =>
    startProcess("src/web.ts", { env: { ...common, ...env, PORT: String(await freePort()) } });
  const [wary, pinned] = await Promise.all([start({}), start({ REDIS_CA: cert })]);
  await Promise.all([wary, pinned].map((web) => web.waitForLog(/listens/, 30_000)));
  await pinned.waitForLog(/the bus is up/);
  await wary.waitForLog(/self-signed/);
  const began = Date.now();
  const news = await startNews([wary]);
  await useSite(wary);
  await pause(sized(10_000, 500));
  const { late } = await news.stop(began);
  const seconds = (Date.now() - began) / 1000;
  report("R-05", {
    Redis: "has a wrong certificate",
    "slowest toast, s": late / 1000,
    warnings: complaints(wary),
    "in s": seconds,
  });
  expect(late).toBeLessThan(10_000);
  expect(complaints(wary)).toBeLessThanOrEqual(3 + seconds);
  expect(wary.logs()).not.toContain("the bus is up");
  expect(await Promise.all([wary, pinned].map((web) => web.stop("SIGKILL")))).toHaveLength(2);
  front.close();
}, 60_000);

/** @returns when it was back */
async function stopped(meanwhile: () => Promise<void>): Promise<number> {
  await redis.stop();
  const away = Date.now();
  await meanwhile();
  await pause(STOPPED_MS - (Date.now() - away));
  redis = await startRedis(redis.port);
  return Date.now();
}

/** Its connections stay open, and no answer comes. */
async function silent(meanwhile: () => Promise<void>): Promise<number> {
  const client = new Redis(redis.url);
  await client.call("CLIENT", "PAUSE", String(PAUSED_MS));
  const away = Date.now();
  await meanwhile();
  await pause(PAUSED_MS - (Date.now() - away));
  client.disconnect();
  return Date.now();
}

async function useSite(web: TestProcess): Promise<void> {
  expect((await fetch(`${web.url}/sign-in`)).status).toBe(200);
  expect((await fetch(`${web.url}/readyz`)).status).toBe(200);
  const cookie = await fleet.signIn(web, fleet.world.cast.otto);
  expect((await fetch(`${web.url}/listings`, { headers: { Cookie: cookie } })).status).toBe(200);
  (await fleet.stream(web, cookie)).close();
}

/** Something happens five times a second, and a watcher at each web process, and an admin, have it on their screens. */
async function startNews(webs: TestProcess[]) {
  const { db, cast } = fleet.world;
  const person = await createPerson(db, { role: "buyer" });
  const { id } = await publishedListing(db, cast.sol);
  await watchListing(db, person, id);
  const screens = await Promise.all(webs.map((web) => screenOf(web, person)));
  const admin = await screenOf(webs[0], cast.ada);
  const happened: number[] = [];
  let going = true;
  const ended = (async () => {
    for (; going; await pause(EVERY_MS)) {
      await change(id);
      happened.push(Date.now());
    }
  })();
  const delays = (since: number) =>
    screens
      .flatMap((screen) =>
        arrivals(screen).map((at, index) => ({ since: happened[index] ?? 0, ms: at - (happened[index] ?? 0) })),
      )
      .filter((delay) => delay.since >= since);

  return {
    /** Waits until what has just happened is on all screens at once. */
    flowing: (since: number) =>
      until(() => delays(since).filter(({ ms }) => ms < 1000).length >= 5 * screens.length, 10_000),
    longestWithout(kind: string, from: number, to: number): number {
      const of = kind === "oversight" ? admin : (screens[0] ?? admin);
      const times = of.events.filter(({ event, at }) => event === kind && at > from && at < to).map(({ at }) => at);
      return Math.max(...[...times, to].map((at, index) => at - (times[index - 1] ?? from)));
    },
    /** Ends it. @returns the longest wait of all, and how long after `back` the last one of a second or more was */
    async stop(back: number): Promise<{ late: number; live: number }> {
      going = false;
      await ended;
      await fleet.allDelivered();
      const inbox = await inboxOf(fleet.world, person);
      for (const screen of screens) {
        await until(() => screen.seqs().length >= inbox.length);
        expect(screen.seqs()).toEqual(happened.map((_, index) => index + 1));
        expect({ repeats: screen.repeats(), attempts: screen.attempts() }).toEqual({ repeats: 0, attempts: 1 });
      }
      const slow = delays(back).filter(({ ms }) => ms >= 1000);
      return {
        late: Math.max(...delays(0).map(({ ms }) => ms)),
        live: Math.max(0, ...slow.map(({ since }) => since - back + EVERY_MS)),
      };
    },
  };
}

async function screenOf(web: TestProcess | undefined, person: Viewer): Promise<Reader> {
  const cookie = await signIn(web?.url ?? "", person);
  const reader = openReader(() => web?.url ?? "", cookie);
  readers.push(reader);
  await until(() => reader.state() === "live");
  return reader;
}

async function change(id: number): Promise<void> {
  const { db, cast } = fleet.world;
  const [listing] = await findListings(db, [id]);
  if (listing?.status === "withdrawn") await relistListing(db, cast.sol, listing);
  else if (listing) await withdrawListing(db, cast.sol, listing);
}

/** When each number came, in their order. */
function arrivals(screen: Reader): number[] {
  return screen.events.flatMap((event) => seqsOf(event).map(() => event.at));
}

/** How many warnings and errors a process has written. */
function complaints({ logs }: TestProcess): number {
  return logs().match(/"level":[456]0/g)?.length ?? 0;
}

async function waitingJobs(): Promise<number> {
  const { rows } = await fleet.world.pool.query("select count(*)::int from graphile_worker.jobs where run_at <= now()");
  return rows[0].count;
}
