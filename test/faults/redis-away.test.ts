import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { createServer } from "node:tls";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { selfSigned } from "../certificate.ts";
import { type Fleet, startFleet } from "../fleet/fleet.ts";
import { freePort, startProcess, type TestProcess } from "../processes.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { createWorld } from "../world.ts";
import { closeScreens, startNews } from "./news.ts";
import { report, sized } from "./sizes.ts";

const STOPPED_MS = sized(60_000, 2000);
const PAUSED_MS = sized(30_000, 5000);

let redis: TestRedis;
let fleet: Fleet;
const exits: number[] = [];

beforeAll(async () => {
  redis = await startRedis();
  fleet = await startFleet(sized(2, 1), sized(2, 1), {}, await createWorld({ redis: redis.url }));
  for (const { pid, exited } of [...fleet.webs, ...fleet.workers]) exited.then(() => exits.push(pid));
});
afterAll(async () => {
  closeScreens();
  await fleet?.close();
  await redis?.stop();
});

for (const [way, goAway] of [
  [`is stopped for ${STOPPED_MS / 1000} s`, stopped],
  [`is silent for ${PAUSED_MS / 1000} s`, silent],
] as const) {
  test(`R-05: Redis ${way}: pages and sign-in are there, streams stay open, what happens comes from Postgres, and nothing is lost`, async () => {
    const news = await startNews(fleet, fleet.webs);
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
  const news = await startNews(fleet, [wary]);
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

/** How many warnings and errors a process has written. */
function complaints({ logs }: TestProcess): number {
  return logs().match(/"level":[456]0/g)?.length ?? 0;
}

async function waitingJobs(): Promise<number> {
  const { rows } = await fleet.world.pool.query("select count(*)::int from graphile_worker.jobs where run_at <= now()");
  return rows[0].count;
}
