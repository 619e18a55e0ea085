import express, { type Router } from "express";
import { z } from "zod";
import { allow } from "./access.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";

const A_MINUTE = 60_000;
const MOST_A_MINUTE = 60;

// As browsers have sent them for long, one at a time, and as they do now, several.
const old = z.object({ "csp-report": z.looseObject({}) }).transform((report) => [report["csp-report"]]);
const now = z
  .array(z.object({ type: z.string(), body: z.looseObject({}) }))
  .transform((all) => all.map(({ body }) => body));
const reports = z.union([old, now]).catch([]);
const short = z.string().max(300).catch("");

type Parts = { log: Log; metrics: Pick<Metrics, "policyReports"> };

/**
 * Takes what browsers report of our pages: that something on them was against the policy. Anybody can send anything here,
 * so a process logs sixty a minute at the most, a line each, and believes none: addresses are cut to where they lead.
 */
export function reportRoutes({ log, metrics }: Parts): Router {
  const router = express.Router();
  let [since, count] = [0, 0];

  router.post("/csp-reports", allow("anyone"), express.text({ type: () => true, limit: "16kb" }), (req, res) => {
    if (Date.now() - since > A_MINUTE) [since, count] = [Date.now(), 0];
    count += 1;
    if (count > MOST_A_MINUTE) return void res.status(429).set("Retry-After", "60").end();
    for (const report of reports.parse(parsed(req.body)).slice(0, 5)) {
      metrics.policyReports.inc();
      log.warn(saidIn(report), "a browser reports something against the content policy");
    }
    res.status(204).end();
  });
  return router;
}

function parsed(body: unknown): unknown {
  try {
    return JSON.parse(String(body));
  } catch {
    return null;
  }
}

function saidIn(report: Record<string, unknown>): Record<string, string> {
  const first = (...names: string[]) =>
    short.parse(names.map((name) => report[name]).find((value) => value !== undefined));
  return {
    directive: first("effectiveDirective", "effective-directive", "violated-directive"),
    blocked: placeOf(first("blockedURL", "blocked-uri")),
    page: placeOf(first("documentURL", "document-uri")),
  };
}

/** Of an address the host and the path: what else it says may be somebody's. */
function placeOf(address: string): string {
  if (!URL.canParse(address)) return address.slice(0, 40);
  const { protocol, host, pathname } = new URL(address);
  return host ? `${protocol}//${host}${pathname}`.slice(0, 200) : protocol;
}
