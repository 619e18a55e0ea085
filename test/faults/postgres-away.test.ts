import { setTimeout as pause } from "node:timers/promises";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fleet, inboxOf, startFleet } from "../fleet/fleet.ts";
import { until } from "../processes.ts";
import { createWorld } from "../world.ts";
import { type Member, signedInCrowd } from "./crowd.ts";
import { type OwnPostgres, startOwnPostgres } from "./postgres.ts";
import { openReader, type Reader } from "./reader.ts";
import { report, sized } from "./sizes.ts";
import { acceptedAgain, letWriteOften, openThreads, reckon, startTraffic } from "./traffic.ts";

const PEOPLE = sized(100, 20);
const PER_SECOND = sized(20, 10);
const AWAY_MS = sized(30_000, 2500);
const TERMINATIONS = sized(10, 2);

let postgres: OwnPostgres;
let fleet: Fleet;
let people: Member[];
let readers: Reader[];
let traffic: ReturnType<typeof startTraffic>;
const exits: string[] = [];

beforeAll(async () => {
  postgres = await startOwnPostgres();
  const world = await createWorld({ redis: true, database: { url: postgres.url, drop: async () => {} } });
  fleet = await startFleet(sized(2, 1), sized(2, 1), {}, world);
  for (const { pid, exited } of [...fleet.webs, ...fleet.workers]) exited.then(() => exits.push(`process ${pid}`));
  people = await signedInCrowd(world, PEOPLE);
  const threads = await openThreads(world, people);
  await letWriteOften(world);
  await fleet.allDelivered();
  readers = people.map(({ cookie }, at) => openReader(() => webAt(at), cookie));
  await until(() => readers.every((reader) => reader.state() === "live"));
  traffic = startTraffic(
    () => webAt(Math.floor(Math.random() * fleet.webs.length)),
    await fleet.signIn(web(0), world.cast.sol),
    threads,
    PER_SECOND,
  );
});
afterAll(async () => {
  for (const reader of readers ?? []) reader.close();
  await traffic?.stop();
  await fleet?.close();
  await postgres?.remove();
});

function web(at: number): Fleet["webs"][number] {
  const found = fleet.webs[at % fleet.webs.length];
  if (!found) throw new Error("there is no web process");
  return found;
}

function webAt(at: number): string {
  return web(at).url ?? "";
}

test(`R-06: Postgres is away for ${AWAY_MS / 1000} s, then all its backends are ended: what was accepted is stored, what was not says so, streams stay`, async () => {
  await acceptedAgain(traffic.posts, 0);
  await postgres.stop();
  const away = Date.now();
  await until(async () => (await statuses("/readyz")).every((status) => status === 503), 2000);
  const unready = Date.now() - away;
  expect(await statuses("/livez")).toEqual(fleet.webs.map(() => 200));
  await pause(AWAY_MS - (Date.now() - away));
  const beats = readers.map((reader) => reader.beats.filter((at) => at > away).length);
  await postgres.start();
  const back = Date.now();
  const forms = await acceptedAgain(traffic.posts, back);
  const told = await toldAgain(back);
  await until(async () => (await statuses("/readyz")).every((status) => status === 200), 5000);

  const recoveries: number[] = [];
  for (let n = 0; n < TERMINATIONS; n += 1) {
    await terminateAll();
    recoveries.push(await toldAgain(Date.now()));
  }
  const { accepted, refused, lost, unsaid, slowest } = await reckon(fleet.world, await traffic.stop());
  await fleet.allDelivered();
  expect(lost).toEqual([]);
  expect(unsaid).toEqual([]);
  let repeats = 0;
  for (const [at, person] of people.entries()) {
    const inbox = await inboxOf(fleet.world, person);
    const reader = readers[at];
    if (!reader) throw new Error("somebody has no reader");
    await until(() => reader.seqs().length >= inbox.length);
    expect(reader.seqs()).toEqual(inbox.map(({ seq }) => seq));
    expect(reader.attempts()).toBe(1);
    repeats += reader.repeats();
  }
  expect(repeats).toBe(0);
  expect(exits).toEqual([]);
  report("R-06", {
    "s away": AWAY_MS / 1000,
    streams: PEOPLE,
    accepted: accepted.length,
    refused: refused.length,
    "ms to the slowest answer": slowest,
    "ms until unready": unready,
    "ms until a form is accepted again": forms,
    "ms until toasts come again": told,
    "ms until toasts come after all backends were ended, worst": Math.max(...recoveries),
    "fewest heartbeats while away": Math.min(...beats),
  });
  expect(Math.max(told, forms, ...recoveries)).toBeLessThan(5000);
  if (AWAY_MS >= 30_000) expect(Math.min(...beats)).toBeGreaterThan(0);
}, 180_000);

function statuses(path: string): Promise<number[]> {
  return Promise.all(fleet.webs.map(async ({ url }) => (await fetch(url + path)).status));
}

/** Ms until a toast of something that happened after that moment is on a screen. */
async function toldAgain(since: number): Promise<number> {
  await until(
    () => readers.some((reader) => reader.events.some(({ event, at }) => event === "toast" && at > since)),
    20_000,
  );
  return Date.now() - since;
}

async function terminateAll(): Promise<void> {
  const admin = new pg.Client(postgres.url);
  await admin.connect();
  await admin.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and backend_type = 'client backend'",
  );
  await admin.end();
}
