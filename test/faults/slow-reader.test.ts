import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fleet, startFleet } from "../fleet/fleet.ts";
import type { TestProcess } from "../processes.ts";
import { createTelling, type Ear, type Member, openEar, signedInCrowd, type Telling } from "./crowd.ts";
import { rssOf } from "./process.ts";
import { FULL, percentile, randomOf, report, SEED, sized } from "./sizes.ts";

const OTHERS = sized(999, 60);
/** Events a second to the reader who stops: the short form fills the kernel's buffers sooner. */
const RATE = sized(200, 1000);
// The first round of a process that has just begun also makes its heap as large as it needs to be.
const ROUNDS = sized(3, 2);
const READING_MS = sized(10_000, 1000);
const MOST_WAITING = 1_048_576;
const STEP_MS = 50;

let fleet: Fleet;
let web: TestProcess;
let port: number;
let telling: Telling;
let victim: Member;
let others: Member[];
let ears: Ear[];
const told = new Map<string, number>();
let latencies: number[] = [];
const random = randomOf(SEED);

beforeAll(async () => {
  // With little room for what could be swept up later: V8 else takes it in steps larger than all that is measured.
  fleet = await startFleet(1, 0, { MALLOC_ARENA_MAX: "1", NODE_OPTIONS: "--max-semi-space-size=2" });
  web = fleet.webs[0] as TestProcess;
  port = Number(new URL(web.url ?? "").port);
  telling = await createTelling(fleet.world, 20_000);
  const [first, ...rest] = await signedInCrowd(fleet.world, OTHERS + 1);
  victim = first as Member;
  others = rest;
  ears = others.map(({ id, cookie }) => openEar(port, cookie, 0, (seq) => noteHeard(id, seq)));
  await Promise.all(ears.map(({ opened }) => opened));
});
afterAll(async () => {
  for (const ear of ears) ear.close();
  await fleet.close();
});

function noteHeard(id: number, seq: number): void {
  const at = told.get(`${id} ${seq}`);
  if (at !== undefined) latencies.push(performance.now() - at);
}

/** Rings for the victim at its rate and for five of the others each step, until `over`. @returns MiB and ms of each step */
async function load(over: () => boolean): Promise<{ rss: number[]; latencies: number[] }> {
  latencies = [];
  const rss: number[] = [];
  const began = performance.now();
  for (let step = 1; !over(); step += 1) {
    await telling.tell([victim.id], (RATE * STEP_MS) / 1000);
    const some = Array.from({ length: 5 }, () => others[Math.floor(random() * others.length)]?.id ?? 0);
    await telling.tell([...new Set(some)], 1, (id, seq) => told.set(`${id} ${seq}`, performance.now()));
    rss.push(rssOf(web.pid));
    await pause(Math.max(0, began + step * STEP_MS - performance.now()));
  }
  return { rss, latencies };
}

test(`R-11: a reader that stops reading ${RATE} events a second is cut with at most a MiB waiting, costs its process no more than 2 MiB and the other ${OTHERS} nothing, and goes on from its cursor`, async () => {
  const reading: number[] = [];
  const frozen: number[] = [];
  const growth: number[] = [];
  const waited: number[] = [];
  let samples = 0;
  let ear = openEar(port, victim.cookie, 0);
  await ear.opened;
  const until =
    (ms: number, end = performance.now() + ms) =>
    () =>
      performance.now() > end;
  await load(until(READING_MS / 2));
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = await load(until(READING_MS));
    ear.pause();
    const logged = web.logs().length;
    const cut = () => /"reason":"(slow|stalled|client)".*"waiting":(\d+)/.exec(web.logs().slice(logged));
    const during = await load(() => cut() !== null);
    expect(cut()?.[1]).toBe("slow");
    waited.push(Number(cut()?.[2]));
    reading.push(percentile(before.latencies, 0.99));
    frozen.push(percentile(during.latencies, 0.99));
    samples += before.latencies.length + during.latencies.length;
    growth.push(percentile(during.rss.slice(-10), 0.5) - percentile(before.rss.slice(-10), 0.5));

    ear.resume();
    await ear.closed;
    const cursor = ear.cursor();
    ear = openEar(port, victim.cookie, cursor);
    const last = telling.lastOf(victim.id);
    expect(JSON.parse(await ear.opened)).toMatchObject({ state: "resumed", replayed: last - cursor, last });
    await load(until(500));
    await expect.poll(() => ear.cursor(), { timeout: 10_000 }).toBe(telling.lastOf(victim.id));
    expect(ear.seqs.slice(-100)).toEqual(Array.from({ length: 100 }, (_, n) => ear.cursor() - 99 + n));
  }
  ear.close();
  const grown = percentile(FULL ? growth : growth.slice(-1), 0.5);
  const [read, froze] = [percentile(reading, 0.5), percentile(frozen, 0.5)];
  report("R-11", {
    seed: SEED,
    "bytes waiting at the cut": Math.max(...waited),
    "MiB grown": grown,
    "others' p99 ms while all read, by round": reading.map(Math.round).join(" "),
    "while one does not": frozen.map(Math.round).join(" "),
    samples,
    ratio: froze / read,
  });
  expect(Math.max(...waited)).toBeLessThanOrEqual(MOST_WAITING);
  // At five times the rate a young process grows by itself.
  expect(grown).toBeLessThanOrEqual(sized(2, 8));
  // The kernel's own unrest is about 2 ms; the short form's rate alone is more than it takes calmly.
  if (FULL) expect(froze).toBeLessThanOrEqual(read * 1.1 + 2);
}, 300_000);
