import { createHash, timingSafeEqual } from "node:crypto";
import { type Request, type Response, Router } from "express";
import type pg from "pg";
import { allow } from "./access.ts";
import type { Bus } from "./bus.ts";
import type { Config } from "./config.ts";
import type { Metrics } from "./metrics.ts";
import { migrationNames } from "./migrations.ts";

type Parts = {
  config: Pick<Config, "metricsToken">;
  pool: pg.Pool;
  bus: Pick<Bus, "up">;
  metrics: Metrics;
  /** Says whether the process is on its way out. */
  hub: { readonly closing: boolean };
};

type Readiness = { database: "ok" | "down"; migrations: "ok" | "behind" | "unknown"; redis: "ok" | "degraded" };

const PATIENCE_MS = 1000;

/**
 * What the platform asks: whether the process lives, whether it can serve, and its figures. No session is read for it,
 * and nothing is told but the words.
 */
export function healthRoutes(parts: Parts): Router {
  const router = Router();
  const expected = migrationNames();

  router.get("/livez", allow("anyone"), (_req, res) => {
    res.set("Cache-Control", "no-store").type("text").send("ok");
  });

  router.get("/readyz", allow("anyone"), async (_req, res) => {
    const readiness = await look(parts, expected);
    const ready = readiness.database === "ok" && readiness.migrations === "ok" && !parts.hub.closing;
    res
      .set("Cache-Control", "no-store")
      .status(ready ? 200 : 503)
      .json(readiness);
  });

  router.get("/metrics", allow("anyone"), (req, res, next) => {
    const token = parts.config.metricsToken;
    return token ? answerScrape(parts, token, req, res) : next();
  });

  return router;
}

// Redis away is no reason to send people elsewhere: the others have the same Redis, and Postgres still answers.
async function look({ pool, bus }: Parts, expected: string[]): Promise<Readiness> {
  const redis = bus.up ? "ok" : "degraded";
  try {
    const { rows } = await soon(pool.query<{ name: string }>("select name from kysely_migration"));
    const done = new Set(rows.map((row) => row.name));
    return { database: "ok", migrations: expected.every((name) => done.has(name)) ? "ok" : "behind", redis };
  } catch (error) {
    const answered = error instanceof Error && "code" in error && error.code === "42P01";
    return answered
      ? { database: "ok", migrations: "behind", redis }
      : { database: "down", migrations: "unknown", redis };
  }
}

async function answerScrape(parts: Parts, token: string, req: Request, res: Response): Promise<void> {
  if (!same(req.get("Authorization") ?? "", `Bearer ${token}`)) {
    res.status(401).set("WWW-Authenticate", "Bearer").end();
    return;
  }
  const { metrics, bus, pool } = parts;
  metrics.busUp.set(bus.up ? 1 : 0);
  await Promise.all([countJobs(metrics, pool), countDifferences(metrics, pool)]);
  res
    .set("Cache-Control", "no-store")
    .type(metrics.registry.contentType)
    .send(await metrics.registry.metrics());
}

/** A database that is away leaves the series out: no figure is better than one from before. */
async function countJobs(metrics: Metrics, pool: pg.Pool): Promise<void> {
  metrics.jobs.reset();
  try {
    const { rows } = await soon(pool.query<Record<string, number>>(JOBS_BY_STATE));
    for (const [state, count] of Object.entries(rows[0] ?? {})) metrics.jobs.set({ state }, count);
  } catch {}
}

/** Before the first proof there is no figure either. */
async function countDifferences(metrics: Metrics, pool: pg.Pool): Promise<void> {
  metrics.differences.remove();
  try {
    const { rows } = await soon(pool.query<{ count: number }>(LAST_DIFFERENCES));
    if (rows[0]) metrics.differences.set(rows[0].count);
  } catch {}
}

const LAST_DIFFERENCES = "select leaks + lost + other_reasons + no_rule as count from proofs order by id desc limit 1";

const JOBS_BY_STATE = `
  select
    count(*) filter (where locked_at is not null) as running,
    count(*) filter (where locked_at is null and attempts >= max_attempts) as failed,
    count(*) filter (where locked_at is null and attempts < max_attempts and attempts > 0) as retrying,
    count(*) filter (where locked_at is null and attempts = 0 and run_at <= now()) as waiting,
    count(*) filter (where locked_at is null and attempts = 0 and run_at > now()) as scheduled
  from graphile_worker.jobs`;

async function soon<T>(promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("too late")), PATIENCE_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function same(given: string, expected: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
