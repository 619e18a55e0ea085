import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Fleet, inboxOf, startFleet } from "../fleet/fleet.ts";
import { until } from "../processes.ts";
import { absencesOf } from "./absences.ts";
import { createTelling, type Member, signedInCrowd } from "./crowd.ts";
import { startProxy, type Proxy as TcpProxy } from "./proxy.ts";
import { openReader, type Reader } from "./reader.ts";
import { percentile, randomOf, report, SEED, sized } from "./sizes.ts";

const STREAMS = sized(1000, 40);
const KILLS = sized(20, 2);
const TELL_MS = 100;
const TOLD = 10;

const random = randomOf(SEED);
let fleet: Fleet;
let router: TcpProxy;
let people: Member[];
let readers: Reader[];

beforeAll(async () => {
  fleet = await startFleet(2, 0);
  router = await startProxy(() => fleet.webs.map(({ url }) => Number(new URL(url ?? "").port)), { random });
  people = await signedInCrowd(fleet.world, STREAMS);
  readers = [];
  for (const { cookie } of people) {
    readers.push(openReader(() => router.url, cookie));
    if (readers.length % 50 === 0) await allLive();
  }
  await allLive();
});
afterAll(async () => {
  for (const reader of readers ?? []) reader.close();
  await fleet?.close();
  await router?.close();
});

function allLive(share = 1): Promise<void> {
  return until(() => readers.filter((reader) => reader.state() === "live").length >= share * readers.length, 60_000);
}

test(`R-02: one of two web processes is killed ${KILLS} times under ${STREAMS} streams and a hundred notifications a second: nothing is lost, nothing is shown twice`, async () => {
  const telling = await createTelling(fleet.world, 500);
  let going = true;
  const told = (async () => {
    for (let due = Date.now(); going; due += TELL_MS) {
      await telling.tell(some(TOLD));
      await pause(Math.max(0, due - Date.now()));
    }
  })();
  for (let kill = 0; kill < KILLS; kill += 1) {
    const [victim] = fleet.webs.splice(Math.floor(random() * 2), 1);
    await victim?.stop("SIGKILL");
    await fleet.startWeb();
    // The next one does not wait for the last of them.
    await allLive(0.95);
  }
  await allLive();
  going = false;
  await told;
  let notifications = 0;
  let repeats = 0;
  for (const [at, person] of people.entries()) {
    const inbox = await inboxOf(fleet.world, person);
    notifications += inbox.length;
    await until(() => (readers[at]?.seqs().length ?? 0) >= inbox.length);
    expect(readers[at]?.seqs()).toEqual(inbox.map(({ seq }) => seq));
    repeats += readers[at]?.repeats() ?? 0;
  }
  const absences = readers.flatMap(absencesOf);
  report("R-02", {
    seed: SEED,
    kills: KILLS,
    streams: STREAMS,
    notifications,
    "sent again, and dropped by the page": repeats,
    "streams broken": absences.length,
    "s until back, p50": percentile(absences, 0.5) / 1000,
    p95: percentile(absences, 0.95) / 1000,
    worst: Math.max(...absences) / 1000,
  });
  expect(notifications).toBeGreaterThan(0);
  expect(absences.length).toBeGreaterThan(KILLS);
  expect(percentile(absences, 0.95)).toBeLessThan(5000);
}, 600_000);

/** That many different people, as chance has it. */
function some(count: number): number[] {
  const chosen = new Set<number>();
  while (chosen.size < count) chosen.add(people[Math.floor(random() * people.length)]?.id ?? 0);
  return [...chosen];
}
