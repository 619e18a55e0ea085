import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type Fleet, startFleet } from "../fleet/fleet.ts";
import { freePort, startProcess, type TestProcess, until } from "../processes.ts";
import { createTelling, type Member, signedInCrowd } from "./crowd.ts";
import { startProxy, type Proxy as TcpProxy } from "./proxy.ts";
import { openReader, type Reader } from "./reader.ts";
import { percentile, report, sized } from "./sizes.ts";

const SLOW = 50;
const STREAMS = sized(200, 20);
const HELD_MS = sized(60_000, 4000);
const HALF_OPEN_MS = sized(20_000, 1000);
const BEAT_MS = 15_000;

let fleet: Fleet;
let database: TcpProxy;
let behind: TestProcess;
const readers: Reader[] = [];

beforeAll(async () => {
  fleet = await startFleet(1, 0);
  const url = new URL(fleet.world.databaseUrl);
  const port = Number(url.port);
  database = await startProxy(() => [port]);
  url.port = String(database.port);
  const env = { DATABASE_URL: url.href, REDIS_URL: fleet.world.config.redisUrl, PORT: String(await freePort()) };
  behind = await startProcess("src/web.ts", { env });
  await behind.waitForLog(/listens/, 30_000);
});
afterAll(async () => {
  for (const reader of readers) reader.close();
  await behind?.stop("SIGKILL");
  await fleet?.close();
  await database?.close();
});

test(`R-07: ${SLOW} requests at a time wait for a lock and take the whole pool: they are told so in time, streams go on, and all is well afterwards`, async () => {
  const { world } = fleet;
  const [web] = fleet.webs;
  const telling = await createTelling(world, 10_000);
  const people = await signedInCrowd(world, STREAMS);
  const screens = await openScreens(web, people);
  const letGo = await holdListings();
  onTestFinished(letGo);
  const held = Date.now();
  const asking = keepAsking(`${web?.url}/listings`, people[0]?.cookie ?? "", SLOW, HELD_MS);
  const toasts: number[] = [];
  while (Date.now() - held < HELD_MS) {
    const told = Date.now();
    await telling.tell(people.map(({ id }) => id));
    const wanted = telling.lastOf(people[0]?.id ?? 0);
    await until(() => screens.every((screen) => screen.seqs().length === wanted));
    toasts.push(Date.now() - told);
    expect((await fetch(`${web?.url}/livez`)).status).toBe(200);
    await pause(100);
  }
  const answers = await asking;
  await letGo();
  const back = Date.now();
  await until(async () => (await ask(`${web?.url}/listings`, people[0]?.cookie ?? "")).status === 200, 5000);
  const drifts = screens.flatMap(driftsOf);
  report("R-07", {
    "s held": HELD_MS / 1000,
    "requests answered 503": answers.length,
    "slowest answer, s": Math.max(...answers.map(({ ms }) => ms)) / 1000,
    "ms from change to all toasts, worst": Math.max(...toasts),
    ...(drifts.length > 0 ? { heartbeats: drifts.length, "their drift p99, ms": percentile(drifts, 0.99) } : {}),
    "ms until well again": Date.now() - back,
  });
  expect(answers.length).toBeGreaterThanOrEqual(SLOW);
  expect(answers.filter(({ status, retryAfter }) => status !== 503 || !retryAfter)).toEqual([]);
  expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(5000);
  expect(screens.every((screen) => screen.repeats() === 0)).toBe(true);
  expect(endedBy(web)).toEqual([]);
  if (HELD_MS > 2 * BEAT_MS) expect(percentile(drifts, 0.99)).toBeLessThan(1000);
}, 180_000);

test("R-07: a Postgres that is silent on open connections makes requests fail in time, and neither they nor the sweep hang for ever", async () => {
  const { world } = fleet;
  const unrung = await createTelling({ ...world, bus: { ...world.bus, publish: async () => {} } }, 10);
  const people = await signedInCrowd(world, 5);
  const screens = await openScreens(behind, people);
  const cookie = people[0]?.cookie ?? "";
  database.swallow(true);
  const answers = await keepAsking(`${behind.url}/account`, cookie, SLOW, HALF_OPEN_MS);
  database.swallow(false);
  const back = Date.now();
  await until(async () => (await ask(`${behind.url}/account`, cookie)).status === 200, 5000);
  const well = Date.now() - back;
  await unrung.tell(people.map(({ id }) => id));
  await until(() => screens.every((screen) => screen.seqs().length === 1));
  report("R-07", {
    "requests to a silent database": answers.length,
    "slowest answer, s": Math.max(...answers.map(({ ms }) => ms)) / 1000,
    "ms until well again": well,
    "s until the sweep found what no bell told of": (Date.now() - back) / 1000,
  });
  expect(answers.filter(({ status, retryAfter }) => status !== 503 || !retryAfter)).toEqual([]);
  expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(5000);
  expect(endedBy(behind)).toEqual([]);
}, 120_000);

/** Screens that have read all that they open with, as their first heartbeat says: from then on they need no database. */
async function openScreens(web: TestProcess | undefined, people: Member[]): Promise<Reader[]> {
  const screens = people.map(({ cookie }) => openReader(() => web?.url ?? "", cookie));
  readers.push(...screens);
  await until(() => screens.every((screen) => screen.state() === "live" && screen.beats.length > 0));
  return screens;
}

/** Locks the table against everybody, for longer than an idle transaction may else last. */
async function holdListings(): Promise<() => Promise<void>> {
  const holder = new pg.Client(fleet.world.databaseUrl);
  await holder.connect();
  holder.on("error", () => {});
  await holder.query("begin");
  await holder.query("lock table listings in access exclusive mode");
  return () => holder.end();
}

/** The streams that a process ended by itself. */
function endedBy(web: TestProcess | undefined): string[] {
  const lines = web?.logs().split("\n") ?? [];
  return lines.filter((line) => line.includes("a stream ended") && !line.includes('"reason":"client"'));
}

/** By how much each heartbeat missed its time. The first one belongs to the opening. */
function driftsOf({ beats }: Reader): number[] {
  return beats.slice(2).map((at, n) => Math.abs(at - (beats[n + 1] ?? 0) - BEAT_MS));
}

type Answer = { status: number; retryAfter: string | null; ms: number };

async function ask(url: string, cookie: string): Promise<Answer> {
  const at = Date.now();
  const answer = await fetch(url, { headers: { Cookie: cookie } });
  await answer.text();
  return { status: answer.status, retryAfter: answer.headers.get("Retry-After"), ms: Date.now() - at };
}

/** Asks for so many at a time, again and again until the time is up. */
async function keepAsking(url: string, cookie: string, atOnce: number, ms: number): Promise<Answer[]> {
  const answers: Answer[] = [];
  const began = Date.now();
  const one = async () => {
    do answers.push(await ask(url, cookie));
    while (Date.now() - began < ms);
  };
  await Promise.all(Array.from({ length: atOnce }, one));
  return answers;
}
