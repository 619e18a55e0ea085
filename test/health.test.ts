import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import express from "express";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { createPool } from "../src/db.ts";
import { healthRoutes } from "../src/health.ts";
import { createMetrics } from "../src/metrics.ts";
import { addJob } from "../src/queue.ts";
import { createSite, get, type Site } from "./accounts/site.ts";
import { timeAtRest } from "./at-rest.ts";
import { freePort, startProcess, type TestProcess, until } from "./processes.ts";
import { createWorld } from "./world.ts";

const TOKEN = "a-token-for-scrapes-1234";
const scrape = { Authorization: `Bearer ${TOKEN}` };

let site: Site;
beforeAll(async () => {
  site = await createSite({ env: { METRICS_TOKEN: TOKEN } });
});
afterAll(() => site.close());

describe("P-07: /livez and /readyz", () => {
  test("say that all is well, to anybody, without a cookie, within 50 ms", async () => {
    expect((await get(site.app, "/livez")).text).toBe("ok");
    const { status, body, headers } = await get(site.app, "/readyz");
    expect([status, body]).toEqual([200, { database: "ok", migrations: "ok", redis: "ok" }]);
    expect([headers["set-cookie"], headers["cache-control"]]).toEqual([undefined, "no-store"]);
    for (const path of ["/livez", "/readyz"]) expect(await fastest(path), path).toBeLessThan(50);
  });

  test("take a Redis that is away for a nuisance and no more", async () => {
    const { status, body } = await get(health({ bus: { up: false, deaf: false, roundTripMs: undefined } }), "/readyz");
    expect([status, body]).toEqual([200, { database: "ok", migrations: "ok", redis: "degraded" }]);
  });

  test("refuse traffic while the process does not hear what its Redis takes", async () => {
    const app = health({ bus: { up: false, deaf: true, roundTripMs: undefined } });
    const { status, body } = await get(app, "/readyz");
    expect([status, body]).toEqual([503, { database: "ok", migrations: "ok", redis: "deaf" }]);
    expect((await get(app, "/livez")).status).toBe(200);
  });

  test("refuse traffic while a migration is missing", async () => {
    const old = await createWorld();
    onTestFinished(() => old.close());
    const app = health({ pool: old.pool });
    await sql`delete from kysely_migration`.execute(old.db);
    const behind = await get(app, "/readyz");
    expect([behind.status, behind.body]).toEqual([503, { database: "ok", migrations: "behind", redis: "ok" }]);
    await sql`drop table kysely_migration`.execute(old.db);
    expect((await get(app, "/readyz")).body).toEqual({ database: "ok", migrations: "behind", redis: "ok" });
  });

  test.each([
    ["cuts every connection", true],
    ["says nothing at all", false],
  ])("refuse traffic within two seconds when Postgres %s, and live on", async (_what, cuts) => {
    const silent = createServer((socket) => void (cuts && socket.destroy())).listen(0, "127.0.0.1");
    onTestFinished(() => void silent.close());
    await once(silent, "listening");
    const databaseUrl = `postgres://nobody@127.0.0.1:${(silent.address() as AddressInfo).port}/nothing`;
    const app = health({ pool: createPool({ databaseUrl, databaseCa: undefined, unverifiedTls: [] }, 2) });
    const began = performance.now();
    const { status, body } = await get(app, "/readyz");
    expect([status, body]).toEqual([503, { database: "down", migrations: "unknown", redis: "ok" }]);
    expect(performance.now() - began).toBeLessThan(2000);
    expect((await get(app, "/livez")).status).toBe(200);
  });

  test("refuse traffic while the process stops, and live on", async () => {
    const app = health({ hub: { closing: true } });
    expect((await get(app, "/readyz")).status).toBe(503);
    expect((await get(app, "/livez")).status).toBe(200);
  });
});

describe("P-12: /metrics", () => {
  test("is not there without a token set, and tells nothing without the token", async () => {
    const none = health({ config: { metricsToken: undefined } });
    expect((await get(none, "/metrics", "", scrape)).status).toBe(404);
    for (const headers of [
      {},
      { Authorization: TOKEN },
      { Authorization: "Bearer wrong" },
      { Authorization: "Basic x" },
    ]) {
      const { status, text } = await get(site.app, "/metrics", "", headers as Record<string, string>);
      expect([status, text]).toEqual([401, ""]);
    }
  });

  test("has every name of the contract, and Node's own", async () => {
    const { status, text, headers } = await get(site.app, "/metrics", "", scrape);
    expect(status).toBe(200);
    expect(headers["content-type"]).toMatch(/^text\/plain; version=0\.0\.4/);
    const names = [
      "streams",
      "stream_ends_total",
      "sent_total",
      "delivery_seconds",
      "catchup_rows_total",
      "jobs",
      "bus_up",
      "bus_round_trip_seconds",
    ];
    for (const name of names) expect(text).toContain(`# TYPE stockbell_${name} `);
    expect(text).toContain("# TYPE nodejs_eventloop_lag_seconds gauge");
  });

  test("tells how long the way through the bus and back takes, and nothing while nothing comes back", async () => {
    const figure = async (roundTripMs: number | undefined, up: boolean) =>
      (await get(health({ bus: { up, deaf: !up, roundTripMs }, metrics }), "/metrics", "", scrape)).text;
    const metrics = createMetrics();
    const well = await figure(2.5, true);
    expect(well).toContain("stockbell_bus_round_trip_seconds 0.0025");
    expect(well).toContain("stockbell_bus_up 1");
    const deaf = await figure(undefined, false);
    expect(deaf).not.toMatch(/^stockbell_bus_round_trip_seconds/m);
    expect(deaf).toContain("stockbell_bus_up 0");
  });

  test("counts the jobs of each state anew for every scrape", async () => {
    await sql`delete from graphile_worker._private_jobs`.execute(site.db);
    await addJob(site.db, "announce_marks", { userId: 1, seqs: [] });
    await addJob(site.db, "expire_reservation", { reservationId: 1 }, { delayMs: 60_000 });
    await sql`select graphile_worker.add_job('given_up', max_attempts := 1)`.execute(site.db);
    await sql`update graphile_worker._private_jobs set attempts = max_attempts where max_attempts = 1`.execute(site.db);
    expect(await series("stockbell_jobs")).toEqual({ waiting: 1, scheduled: 1, failed: 1, retrying: 0, running: 0 });
    await sql`update graphile_worker._private_jobs set attempts = 1 where max_attempts = 8`.execute(site.db);
    expect(await series("stockbell_jobs")).toEqual({ waiting: 0, scheduled: 0, failed: 1, retrying: 2, running: 0 });
  });
});

test("P-04: a web process serves within three seconds of its start, although Redis is away, and stays", async () => {
  const world = await createWorld();
  onTestFinished(() => world.close());
  const [port, nobodys] = [await freePort(), await freePort()];
  const env = { DATABASE_URL: world.databaseUrl, REDIS_URL: `redis://127.0.0.1:${nobodys}`, PORT: String(port) };
  const url = `http://127.0.0.1:${port}`;
  let web: TestProcess | undefined;
  const took = await timeAtRest(async () => {
    web = await startProcess("src/web.ts", { env });
    await until(async () => (await statusOf(`${url}/livez`)) === 200, 30_000);
  });
  expect(took).toBeLessThan(3000);
  const ready = await fetch(`${url}/readyz`);
  expect([ready.status, await ready.json()]).toEqual([200, { database: "ok", migrations: "ok", redis: "degraded" }]);
  await web?.waitForLog(/Redis cannot be reached/);
  expect(await statusOf(`${url}/sign-in`)).toBe(200);
  expect(await web?.stop()).toEqual({ code: 0, signal: null });
}, 60_000);

/** The routes by themselves, with something of the site's replaced. */
function health(other: Partial<Parameters<typeof healthRoutes>[0]>) {
  const { config, pool, bus } = site.world;
  return express().use(
    healthRoutes({ config, pool, bus, metrics: createMetrics(), hub: { closing: false }, ...other }),
  );
}

async function fastest(path: string): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round += 1) {
    const began = performance.now();
    await get(site.app, path);
    least = Math.min(least, performance.now() - began);
  }
  return least;
}

async function series(name: string): Promise<Record<string, number>> {
  const { text } = await get(site.app, "/metrics", "", scrape);
  const lines = text.matchAll(new RegExp(`^${name}\\{[^=]+="([^"]+)"\\} (\\d+)$`, "gm"));
  return Object.fromEntries([...lines].map(([, label, value]) => [label, Number(value)]));
}

async function statusOf(url: string): Promise<number> {
  return fetch(url).then(
    ({ status }) => status,
    () => 0,
  );
}
