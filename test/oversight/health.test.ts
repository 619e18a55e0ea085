import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { createMetrics, DELIVERY_SECONDS, type Metrics } from "../../src/metrics.ts";
import { readHealth } from "../../src/oversight/health.ts";
import { pushHealth } from "../../src/oversight/health-push.ts";
import { addUp, quantile } from "../../src/oversight/quantiles.ts";
import { startPulse } from "../../src/pulse.ts";
import { publishedListing } from "../cast.ts";
import { failedJob } from "../poison.ts";
import { serve, type TestServer } from "../server.ts";
import { named } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

let world: World;
let server: TestServer;
let ada: string;
beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
  ada = await server.signIn(world.cast.ada);
});
afterAll(async () => {
  await server.close();
  await world.close();
});
beforeEach(() => void vi.useFakeTimers({ toFake: ["Date"], now: new Date() }));
afterEach(async () => {
  vi.useRealTimers();
  await world.db.deleteFrom("pulses").execute();
});

const parts = () => ({ db: world.db, log: world.log, bus: world.bus, release: "v42" });

/** A process with these times from commit to screen, in seconds. */
async function processWith(times: number[]): Promise<{ pulse: ReturnType<typeof startPulse>; metrics: Metrics }> {
  const metrics = createMetrics();
  const pulse = startPulse(parts(), "web", metrics);
  for (const seconds of times) metrics.delivered(seconds / 2);
  for (const seconds of times) metrics.shown.observe(seconds);
  await pulse.beat();
  await pulse.beat();
  return { pulse, metrics };
}

async function page(): Promise<string> {
  const answer = await fetch(`${server.url}/oversight/health`, { headers: { Cookie: ada } });
  expect(answer.status).toBe(200);
  return (await answer.text()).replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
}

test("what all processes have told is added up, and how fast half, 95 and 99 of 100 were on a screen", async () => {
  const fast = await processWith(Array(98).fill(0.09));
  const slow = await processWith([0.9, 3]);
  const health = await readHealth(world.db);
  expect(health.minutes.at(-1)?.told).toBe(100);
  expect(health.perSecond).toBeCloseTo(100 / 300);
  expect(health.shown.p50).toBeCloseTo(0.0878, 3);
  expect(health.shown.p99).toBeCloseTo(1, 3);
  expect(health.written.p50).toBeLessThan(0.05);
  await Promise.all([fast, slow].map(({ pulse }) => pulse.stop()));
});

test("of the delays that the promise allows it is said how many are used, and when it is broken", async () => {
  const { pulse, metrics } = await processWith([...Array(199).fill(0.1), 0.7]);
  expect((await readHealth(world.db)).budget).toMatchObject({ shown: 200, late: 1 });
  expect((await readHealth(world.db)).budget.used).toBeCloseTo(0.5);
  expect(await page()).toContain("The promise is kept");
  for (const seconds of [2, 2, 2]) metrics.shown.observe(seconds);
  await pulse.beat();
  expect((await readHealth(world.db)).budget.used).toBeCloseTo(4 / 203 / 0.01);
  expect(await page()).toContain("The promise is broken");
  await pulse.stop();
});

test("a process counts each minute for itself, and nothing twice", async () => {
  const { pulse, metrics } = await processWith([0.1, 0.1]);
  vi.setSystemTime(Date.now() + 60_000);
  metrics.shown.observe(0.1);
  metrics.delivered(0.1);
  await pulse.beat();
  await pulse.beat();
  const { minutes, budget } = await readHealth(world.db);
  expect(minutes.slice(-2).map(({ told }) => told)).toEqual([2, 1]);
  expect(budget.shown).toBe(3);
  await pulse.stop();
});

test("who is connected, who polls, what was read again and which slow readers were cut", async () => {
  const { pulse, metrics } = await processWith([]);
  const worker = startPulse(parts(), "worker");
  await worker.beat();
  for (const role of ["buyer", "buyer", "seller"]) metrics.streams.inc({ role });
  for (const reason of ["slow", "stalled", "client"]) metrics.streamEnds.inc({ reason });
  metrics.catchupRows.inc(7);
  for (const id of [1, 1, 2]) metrics.polled(id);
  await pulse.beat();
  expect(await readHealth(world.db)).toMatchObject({
    ...{ connected: { buyer: 2, seller: 1, admin: 0, all: 3 }, polling: 2, catchups: 7, cuts: 2 },
    processes: [
      { kind: "web", release: "v42", busUp: true, silent: false },
      { kind: "worker", release: "v42", silent: false },
    ],
  });
  await Promise.all([pulse.stop(), worker.stop()]);
});

test("a process that has ended is not listed; one that is not heard of any more is, as such", async () => {
  const { pulse } = await processWith([]);
  const killed = await processWith([]);
  await pulse.stop();
  await world.db
    .updateTable("pulses")
    .set({ at: new Date(Date.now() - 60_000) })
    .where("process", "=", killed.pulse.process)
    .execute();
  const { processes } = await readHealth(world.db);
  expect(processes.map(({ process, silent }) => [process, silent])).toEqual([[killed.pulse.process, true]]);
  expect(await page()).toContain("Not heard of");
  await killed.pulse.stop();
});

test("a process whose clock is wrong is listed as one that lives", async () => {
  for (const minutes of [-61, -1, 61]) {
    vi.setSystemTime(Date.now() + minutes * 60_000);
    const { pulse } = await processWith([]);
    vi.useRealTimers();
    expect((await readHealth(world.db)).processes).toMatchObject([{ process: pulse.process, silent: false }]);
    await pulse.stop();
    vi.useFakeTimers({ toFake: ["Date"], now: new Date() });
  }
});

test("how many jobs wait and since when, how many are set aside, and how many events nobody has been told of yet", async () => {
  expect((await readHealth(world.db)).queue).toEqual({ waiting: 0, failed: 0, oldest: null, undelivered: 0 });
  const listing = await publishedListing(world.db, world.cast.sol);
  await sql`update graphile_worker._private_jobs set run_at = now() - interval '1 minute'`.execute(world.db);
  const { queue } = await readHealth(world.db);
  expect(queue).toMatchObject({ waiting: 1, failed: 0, undelivered: 1 });
  expect(queue.oldest).toBeCloseTo(60, -1);
  await failedJob(world.db, listing.id);
  expect((await readHealth(world.db)).queue).toMatchObject({ waiting: 0, failed: 1, undelivered: 1 });
  expect(await page()).toMatch(/Set aside 1 1 event not told yet/);
});

test("an admin's page is sent it every few seconds; nobody else's is", async () => {
  const { pulse } = await processWith([0.1]);
  const bea = await server.signIn(world.cast.bea);
  const [admin, buyer] = await Promise.all([server.stream(ada), server.stream(bea)]);
  const stops = server.hubs.map((hub) => pushHealth(hub, world.db, world.log, 20));
  const is = ({ event, data }: { event: string; data: string }) =>
    event === "oversight" && data.includes('id="health"');
  const first = await admin.next(is);
  expect(first.data).toMatch(/id="health-strip"[^>]*hx-swap-oob="true"/);
  expect(first.data).toContain("<svg");
  expect(buyer.events.filter(named("oversight"))).toEqual([]);
  for (const stop of stops) stop();
  await pulse.stop();
});

test("a quantile of counts lies between the bounds between which it lies among all that was counted", () => {
  const times = fc.array(fc.double({ min: 0, max: 12, noNaN: true }), { minLength: 1, maxLength: 60 });
  fc.assert(
    fc.property(times, fc.double({ min: 0.01, max: 1, noNaN: true }), (seconds, share) => {
      const sorted = seconds.toSorted((a, b) => a - b);
      const place = (value: number) => {
        const at = DELIVERY_SECONDS.findIndex((bound) => value <= bound);
        return at < 0 ? DELIVERY_SECONDS.length : at;
      };
      const counts: number[] = Array(DELIVERY_SECONDS.length + 1).fill(0);
      for (const value of sorted) counts[place(value)] = (counts[place(value)] ?? 0) + 1;
      const exact = sorted[Math.ceil(share * sorted.length - 1e-9) - 1] as number;
      const found = quantile(DELIVERY_SECONDS, counts, share) as number;
      expect(place(found)).toBe(place(exact));
    }),
  );
  expect(quantile(DELIVERY_SECONDS, [], 0.5)).toBeNull();
  expect(addUp([[1, 2], [3]])).toEqual([4, 2]);
});
