import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { watchListing } from "../src/marketplace/watches.ts";
import { withdrawListing } from "../src/marketplace/withdrawal.ts";
import { createPerson, publishedListing, signIn } from "./cast.ts";
import { redisUrl } from "./database.ts";
import { freePort, isRunning, startProcess, type TestProcess, until } from "./processes.ts";
import { named, openSse, type SseClient } from "./sse.ts";
import { createWorld, type World } from "./world.ts";

const TOKEN = "a-token-for-scrapes-1234";

let world: World;
beforeAll(async () => {
  world = await createWorld({ redis: true });
});
afterAll(() => world.close());

async function start(env: Record<string, string> = {}): Promise<TestProcess> {
  const common = { DATABASE_URL: world.databaseUrl, REDIS_URL: redisUrl(), METRICS_TOKEN: TOKEN };
  const port = String(await freePort());
  return startProcess("src/web.ts", { env: { ...common, WEB_CONCURRENCY: "2", PORT: port, ...env } });
}

/** The process ids of the lines that say something, each once. */
function pidsOf(site: TestProcess, words: string): number[] {
  const lines = site
    .logs()
    .split("\n")
    .filter((line) => line.includes(words));
  return [...new Set(lines.map((line) => Number(JSON.parse(line).pid)))];
}

async function startedSite(count = 2): Promise<TestProcess> {
  const site = await start({ WEB_CONCURRENCY: String(count) });
  await until(() => pidsOf(site, "listens").length === count, 30_000);
  return site;
}

type Seat = { pid: number; stream: SseClient };

/** A person's streams at two processes: which one takes a stream is told by its line in the log. */
async function seatsAtBoth(site: TestProcess, cookie: string): Promise<[Seat, Seat]> {
  const seats: Seat[] = [];
  while (new Set(seats.map(({ pid }) => pid)).size < 2 && seats.length < 8) seats.push(await seat(site, cookie));
  const [first] = seats;
  const other = seats.find(({ pid }) => pid !== first?.pid);
  if (!first || !other) throw new Error("one process took all streams");
  return [first, other];
}

let seated = 0;
async function seat(site: TestProcess, cookie: string): Promise<Seat> {
  const name = `seat-${++seated}`;
  const stream = await openSse(`${site.url}/stream`, { cookie, headers: { "X-Request-Id": name } });
  await stream.next(named("heartbeat"), 20_000);
  await until(() => site.logs().includes(`"request":"${name}"`));
  return { stream, pid: pidsOf(site, `"request":"${name}"`)[0] ?? 0 };
}

describe("WEB_CONCURRENCY=2", () => {
  let site: TestProcess;
  let cookie: string;
  let person: Awaited<ReturnType<typeof createPerson>>;
  beforeAll(async () => {
    site = await startedSite();
  });
  beforeEach(async () => {
    person = await createPerson(world.db, { role: "buyer" });
    cookie = await signIn(site.url ?? "", person);
  });

  /** Something happens of which the person is told. */
  async function happen(): Promise<void> {
    const listing = await publishedListing(world.db, world.cast.sol);
    await watchListing(world.db, person, listing.id);
    await withdrawListing(world.db, world.cast.sol, listing);
    await world.drain();
  }

  test("is two processes that serve one port and a third that serves nothing, and what happens shows at both", async () => {
    const serving = pidsOf(site, "listens");
    expect(serving).toHaveLength(2);
    expect(serving).not.toContain(site.pid);
    const seats = await seatsAtBoth(site, cookie);
    expect(seats.map(({ pid }) => pid).sort()).toEqual(serving.sort());
    await happen();
    for (const { stream } of seats) expect((await stream.next(named("toast"))).id).toBe("1");
  });

  test("a scrape of either has the figures of both, each series with its process, and the jobs once", async () => {
    const seats = await seatsAtBoth(site, cookie);
    const scrape = await fetch(`${site.url}/metrics`, { headers: { Authorization: `Bearer ${TOKEN}` } });
    const text = await scrape.text();
    const value = (series: string) =>
      Number(
        text
          .split("\n")
          .find((line) => line.startsWith(`${series} `))
          ?.split(" ")[1],
      );
    for (const process of ["1", "2"]) {
      expect(value(`stockbell_streams{role="buyer",process="${process}"}`)).toBeGreaterThan(0);
      expect(value(`stockbell_bus_up{process="${process}"}`)).toBe(1);
      expect(value(`stockbell_bus_round_trip_seconds{process="${process}"}`)).toBeGreaterThan(0);
      expect(value(`process_start_time_seconds{process="${process}"}`)).toBeGreaterThan(0);
    }
    expect(text.match(/^stockbell_jobs\{state="waiting"/gm)).toHaveLength(1);
    expect(text.match(/^# TYPE stockbell_streams gauge$/gm)).toHaveLength(1);
    for (const { stream } of seats) stream.close();
  });

  test("one that is killed is started again, and the other goes on as if nothing were", async () => {
    const [victim, survivor] = await seatsAtBoth(site, cookie);
    const before = pidsOf(site, "listens");
    process.kill(victim.pid, "SIGKILL");
    await victim.stream.ended;
    await until(() => pidsOf(site, "a web process ended and is started again").length > 0);
    for (let asked = 0; pidsOf(site, "listens").length < before.length + 1; asked += 1) {
      expect((await fetch(`${site.url}/livez`, { headers: { Connection: "close" } })).status).toBe(200);
      if (asked === 0) await happen();
    }
    await survivor.stream.next(named("toast"));
    const back = pidsOf(site, "listens").find((pid) => !before.includes(pid));
    const [one, other] = await seatsAtBoth(site, cookie);
    expect([one.pid, other.pid].sort()).toEqual([survivor.pid, back].sort());
    await happen();
    for (const { stream } of [one, other, survivor]) await stream.next(({ id }) => id === "2");
  });

  test("P-05: SIGTERM, even twice, ends the streams of all in good order, and the whole with 0", async () => {
    const pids = pidsOf(site, "listens").filter(isRunning);
    const seats = await seatsAtBoth(site, cookie);
    const began = Date.now();
    const ending = site.stop();
    process.kill(site.pid, "SIGTERM");
    expect(await ending).toEqual({ code: 0, signal: null });
    expect(Date.now() - began).toBeLessThan(25_000);
    for (const { stream } of seats)
      expect(JSON.parse((await stream.next(named("bye"))).data).reconnect).toBeGreaterThan(0);
    expect(pids).toHaveLength(2);
    expect(pids.filter(isRunning)).toEqual([]);
  });
});

test("a primary that is killed takes its processes with it, and their streams are told", async () => {
  const site = await startedSite();
  const pids = pidsOf(site, "listens");
  const seats = await seatsAtBoth(site, await signIn(site.url ?? "", world.cast.bea));
  expect((await site.stop("SIGKILL")).signal).toBe("SIGKILL");
  for (const { stream } of seats) await stream.next(named("bye"));
  await until(() => !pids.some(isRunning));
});

test("one that cannot stay is started again more and more slowly", async () => {
  const site = await startedSite();
  for (const pause of [250, 500, 1000]) {
    const [newest] = pidsOf(site, "listens").filter(isRunning).slice(-1);
    process.kill(newest ?? 0, "SIGKILL");
    await site.waitForLog(new RegExp(`"signal":"SIGKILL","pause":${pause},`));
    await until(() => pidsOf(site, "listens").filter(isRunning).length === 2);
  }
  expect((await site.stop()).code).toBe(0);
});

test("a wrong environment ends it before anything is started, with one line", async () => {
  const site = await start({ REDIS_URL: "nonsense" });
  expect((await site.exited).code).toBe(1);
  expect(site.logs().trim().split("\n")).toEqual([expect.stringContaining("REDIS_URL must be an address")]);
});

test("a port that is taken is told once, and ends it", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const site = await start({ PORT: String(port), LOG_LEVEL: "silent" });
  expect((await site.exited).code).toBe(1);
  expect(site.logs().trim().split("\n")).toEqual([expect.stringContaining(`port ${port} is taken`)]);
  other.close();
});

test("WEB_CONCURRENCY=1 is one process and no primary", async () => {
  const site = await start({ WEB_CONCURRENCY: "1" });
  await site.waitForLog(/listens/, 30_000);
  expect(pidsOf(site, "listens")).toEqual([site.pid]);
  expect(readFileSync(`/proc/${site.pid}/task/${site.pid}/children`, "utf8").trim()).toBe("");
  const scrape = () => fetch(`${site.url}/metrics`, { headers: { Authorization: `Bearer ${TOKEN}` } });
  // It listens whether or not the bus has come up by then.
  await expect.poll(async () => (await scrape()).text(), { timeout: 5000 }).toMatch(/^stockbell_bus_up 1$/m);
  expect((await site.stop()).code).toBe(0);
});
