import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { watchListing } from "../../src/marketplace/watches.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { type Fleet, inboxOf, startFleet } from "../fleet/fleet.ts";
import { isRunning, type TestProcess, until } from "../processes.ts";
import { absencesOf } from "./absences.ts";
import { type Member, signedInCrowd } from "./crowd.ts";
import { openRaw } from "./raw.ts";
import { openReader, type Reader } from "./reader.ts";
import { percentile, randomOf, report, SEED, sized } from "./sizes.ts";
import { letWriteOften, openThreads, reckon, startTraffic } from "./traffic.ts";

const STREAMS = sized(2000, 60);
const PER_SECOND = sized(20, 8);
const WEBS = sized(2, 1);

const random = randomOf(SEED);
let fleet: Fleet;
let people: Member[];
let readers: Reader[];
let serving: TestProcess[];
let threads: number[];
let sol: string;

beforeAll(async () => {
  fleet = await startFleet(WEBS, 1);
  serving = [...fleet.webs];
  people = await signedInCrowd(fleet.world, STREAMS);
  threads = await openThreads(fleet.world, people.slice(0, 200));
  await letWriteOften(fleet.world);
  await fleet.allDelivered(60_000);
  sol = await fleet.signIn(anyWeb(), fleet.world.cast.sol);
  readers = [];
  for (const { cookie } of people) {
    readers.push(openReader(() => anyWeb().url ?? "", cookie));
    if (readers.length % 50 === 0) await until(() => readers.every((reader) => reader.state() === "live"), 60_000);
  }
});
afterAll(async () => {
  for (const reader of readers ?? []) reader.close();
  await fleet?.close();
});

/** Where a router sends the next request: to any process that has not been told to stop. */
function anyWeb(): TestProcess {
  const web = serving[Math.floor(random() * serving.length)];
  if (!web) throw new Error("nothing serves");
  return web;
}

test.concurrent(`R-08, P-05: ${WEBS} web process${WEBS > 1 ? "es are" : " is"} replaced while ${STREAMS} streams are open and forms are sent: nothing is lost, no form fails, and nobody comes back in a crowd`, async () => {
  const old = [...fleet.webs];
  // About a listing of its own: nobody else is to wait for what is held.
  const [held] = await openThreads(fleet.world, people.slice(0, 1));
  const traffic = startTraffic(() => anyWeb().url ?? "", sol, threads, PER_SECOND);
  const raw = await Promise.all(
    people.slice(0, sized(200, 40)).map(({ cookie }, at) => openRaw(old[at % WEBS]?.url ?? "", cookie)),
  );
  const exits: number[] = [];
  for (const web of old) {
    serving = [...serving.filter((other) => other !== web), await fleet.startWeb()];
    const form = await formUnderWay(web, held);
    const told = Date.now();
    const ending = web.stop();
    await pause(200);
    process.kill(web.pid, "SIGTERM");
    expect((await form.finish()).status).toBe(303);
    expect(await ending).toEqual({ code: 0, signal: null });
    exits.push(Date.now() - told);
  }
  await until(() => readers.every((reader) => reader.state() === "live"), 20_000);
  const { accepted, refused, lost } = await reckon(fleet.world, await traffic.stop());
  await fleet.allDelivered();
  await toldAll();
  const crowds = old.map((web) => thickestSecond(endings(web)));
  const delays = raw.flatMap(({ delay }) => delay());
  const away = readers.flatMap(absencesOf);
  report("R-08", {
    seed: SEED,
    streams: STREAMS,
    "s until the processes ended": exits.map((ms) => (ms / 1000).toFixed(1)).join(" and "),
    "most streams ended within a second, %": Math.max(...crowds) * 100,
    "reconnect delays, ms": `${Math.min(...delays)} to ${Math.max(...delays)}`,
    "p95 s without a stream": percentile(away, 0.95) / 1000,
    "forms accepted": accepted.length,
    refused: refused.length,
  });
  expect(refused).toEqual([]);
  expect(lost).toEqual([]);
  expect(Math.max(...exits)).toBeLessThan(25_000);
  expect(Math.max(...crowds)).toBeLessThanOrEqual(0.2);
  expect(raw.every(({ complete }) => complete())).toBe(true);
  expect(delays).toHaveLength(raw.length);
  expect(Math.min(...delays)).toBeGreaterThanOrEqual(500);
  expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(2750);
}, 180_000);

test.concurrent("P-05: a worker that is told to stop gives back a job that does not end, and a fellow takes it up", async () => {
  const { world } = fleet;
  const [leaving] = fleet.workers;
  if (!leaving) throw new Error("there is no worker");
  const person = await createPerson(world.db, { role: "buyer" });
  const held = await hold("inboxes", "user_id", person.id);
  const listing = await publishedListing(world.db, world.cast.sol);
  await watchListing(world.db, person, listing.id);
  await withdrawListing(world.db, world.cast.sol, listing);
  await until(async () => (await held.waiting()) > 0);
  await fleet.startWorker();
  const told = Date.now();
  const ending = leaving.stop();
  await pause(200);
  process.kill(leaving.pid, "SIGTERM");
  expect(await ending).toEqual({ code: 0, signal: null });
  await until(async () => (await held.waiting()) > 0, 10_000 - (Date.now() - told));
  const returned = Date.now() - told;
  expect(isRunning(leaving.pid)).toBe(false);
  await held.letGo();
  await until(async () => (await inboxOf(world, person)).length === 1);
  report("P-05", { "s until a fellow had the job of a worker told to stop": returned / 1000 });
  expect(returned).toBeLessThan(10_000);
}, 60_000);

/** A form that cannot be finished before finish() is called, because the row that it needs is held. */
async function formUnderWay(web: TestProcess, thread: number | undefined) {
  const held = await hold("enquiries", "id", thread);
  const answer = fleet.post(web, `/enquiries/${thread}/messages`, sol, { message: `Under way at ${web.url}` });
  const early = answer.then(({ status }) => Promise.reject(new Error(`It was answered at once, ${status}.`)));
  await Promise.race([early, until(async () => (await held.waiting()) > 0)]).catch(async (error) => {
    await held.letGo();
    throw error;
  });
  return {
    async finish(): Promise<Response> {
      await held.letGo();
      return answer;
    },
  };
}

/** Holds a row's lock until it is let go. */
async function hold(table: "enquiries" | "inboxes", key: "id" | "user_id", id: number | undefined) {
  const holder = await fleet.world.pool.connect();
  await holder.query("begin");
  await holder.query(`select from ${table} where ${key} = $1 for update`, [id]);
  return {
    /** How many wait for it. */
    async waiting(): Promise<number> {
      const { rows } = await holder.query(
        "select count(*)::int from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))",
      );
      return rows[0].count;
    },
    async letGo(): Promise<void> {
      await holder.query("commit");
      holder.release();
    },
  };
}

/** When a process ended its streams, as it wrote itself. */
function endings(web: TestProcess): number[] {
  const lines = web
    .logs()
    .split("\n")
    .filter((line) => line.includes("a stream ended") && line.includes("deploy"));
  return lines.map((line) => new Date(JSON.parse(line).time).getTime());
}

/** The share of them that fell into the thickest second. */
function thickestSecond(times: number[]): number {
  const most = times.map((from) => times.filter((time) => time >= from && time < from + 1000).length);
  return Math.max(...most) / times.length;
}

async function toldAll(): Promise<void> {
  for (const [at, person] of people.entries()) {
    const inbox = await inboxOf(fleet.world, person);
    const reader = readers[at];
    await until(() => (reader?.seqs().length ?? 0) >= inbox.length);
    expect(reader?.seqs()).toEqual(inbox.map(({ seq }) => seq));
  }
}
