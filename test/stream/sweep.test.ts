import pg from "pg";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { createDb } from "../../src/db.ts";
import { createMetrics } from "../../src/metrics.ts";
import { freePort } from "../../src/postmaster.ts";
import type { Hub, HubParts } from "../../src/stream/hub.ts";
import type { Stream } from "../../src/stream/stream.ts";
import { startSweep } from "../../src/stream/sweep.ts";
import { until } from "../processes.ts";

test("a session that runs out while the database is away ends no stream yet, and the sweep goes on", async () => {
  const pool = new pg.Pool({ connectionString: `postgres://127.0.0.1:${await freePort()}/away` });
  const db = createDb(pool);
  let rounds = 0;
  const ended: Stream[] = [];
  const hub = {
    expiring: new Set([{ sessionId: "s", expiresAt: 0 } as Stream]),
    turns: {
      share() {
        rounds += 1;
        return [];
      },
    },
    end: (stream: Stream) => void ended.push(stream),
    showChangesSince: async () => {},
  } as unknown as Hub;
  const bus = { up: false, onUp() {} };
  const stop = startSweep(hub, {
    db,
    bus,
    metrics: createMetrics(),
    log: pino({ level: "silent" }),
  } as unknown as HubParts);
  onTestFinished(async () => {
    stop();
    await db.destroy();
  });
  await until(() => rounds >= 5);
  expect(ended).toEqual([]);
});
