import { createHash, timingSafeEqual } from "node:crypto";
import { type Request, type Response, Router } from "express";
import type pg from "pg";
import { allow } from "./access.ts";
import type { Bus } from "./bus.ts";
import type { Config } from "./config.ts";
import { createFigures } from "./figures.ts";
import type { Metrics } from "./metrics.ts";
import { migrationNames } from "./migrations.ts";
import { findFigures, setConnections, setFigures } from "./scrape.ts";

type Parts = {
  config: Pick<Config, "metricsToken">;
  pool: pg.Pool;
  bus: Pick<Bus, "up" | "deaf" | "roundTripMs">;
  metrics: Metrics;
  /** Says whether the process is on its way out. */
  hub: { readonly closing: boolean };
};

type Readiness = {
  database: "ok" | "down";
  migrations: "ok" | "behind" | "unknown";
  redis: "ok" | "degraded" | "deaf";
};

const PATIENCE_MS = 1000;

/**
 * What the platform asks: whether the process lives, whether it can serve, and its figures. No session is read for it,
 * and nothing is told but the words.
 */
export function healthRoutes(parts: Parts): Router {
  const router = Router();
  const expected = migrationNames();
  const figures = createFigures(parts.metrics, () => lookAtOwn(parts));

  router.get("/livez", allow("anyone"), (_req, res) => {
    res.set("Cache-Control", "no-store").type("text").send("ok");
  });

  router.get("/readyz", allow("anyone"), async (_req, res) => {
    const readiness = await look(parts, expected);
    const { database, migrations, redis } = readiness;
    const ready = database === "ok" && migrations === "ok" && redis !== "deaf" && !parts.hub.closing;
    res
      .set("Cache-Control", "no-store")
      .status(ready ? 200 : 503)
      .json(readiness);
  });

  router.get("/metrics", allow("anyone"), (req, res, next) => {
    const token = parts.config.metricsToken;
    return token ? answerScrape(parts, figures, token, req, res) : next();
  });

  return router;
}

// Redis away is no reason to send people elsewhere: the others have the same Redis, and Postgres still answers. A process
// that alone does not hear it is one.
async function look({ pool, bus }: Parts, expected: string[]): Promise<Readiness> {
  const redis = bus.deaf ? "deaf" : bus.up ? "ok" : "degraded";
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

async function answerScrape(
  parts: Parts,
  figures: () => Promise<string>,
  token: string,
  req: Request,
  res: Response,
): Promise<void> {
  if (!same(req.get("Authorization") ?? "", `Bearer ${token}`)) {
    res.status(401).set("WWW-Authenticate", "Bearer").end();
    return;
  }
  // Before the question, which would be counted among those that wait.
  lookAtOwn(parts);
  setFigures(parts.metrics, await soon(findFigures(parts.pool)).catch(() => null));
  res
    .set("Cache-Control", "no-store")
    .type(parts.metrics.registry.contentType)
    .send(await figures());
}

/** What is not counted as things happen. No figure is better than one from before. */
function lookAtOwn({ metrics, bus, pool }: Parts): void {
  setConnections(metrics, pool);
  metrics.busUp.set(bus.up ? 1 : 0);
  if (bus.roundTripMs === undefined) metrics.busRoundTrip.remove();
  else metrics.busRoundTrip.set(bus.roundTripMs / 1000);
}

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
