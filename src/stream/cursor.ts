import type { Request } from "express";
import type { InboxHead } from "../notifications/heads.ts";

/** How a stream stands with its cursor: where it goes on from, and how many it has missed. */
export type Standing = { state: "fresh" | "resumed" | "reset"; cursor: number; replayed: number };

/**
 * Reads the cursor that a client brings: Last-Event-ID, else the query. What is neither a number nor within what is kept
 * of the inbox is answered with a reset to its end, never with an error: it may be anything at all.
 * @param parameter the name in the query
 */
export function cursorOf(
  req: Pick<Request, "headers" | "query">,
  { lastSeq: last, floorSeq: floor }: Pick<InboxHead, "lastSeq" | "floorSeq">,
  parameter = "lastEventId",
): Standing {
  const header = req.headers["last-event-id"];
  const given = header || req.query[parameter];
  if (given === undefined || given === "") return { state: "fresh", cursor: last, replayed: 0 };
  const cursor = typeof given === "string" && /^\d{1,15}$/.test(given) ? Number(given) : -1;
  if (cursor < floor || cursor > last) return { state: "reset", cursor: last, replayed: 0 };
  return { state: "resumed", cursor, replayed: last - cursor };
}

const DAY = 86_400_000;
// A transaction may commit this long after the time that it wrote.
const SLACK = 10_000;

/**
 * From when on a page must be shown what changed: a little before it was rendered, or last heard from us; nothing where
 * that is missing, odd, or over a day ago.
 */
export function sinceOf(req: Pick<Request, "query">): Date | null {
  const given = req.query.since;
  const since = typeof given === "string" && given.length <= 30 ? Date.parse(given) : Number.NaN;
  const now = Date.now();
  return since > now - DAY && since <= now + DAY ? new Date(Math.min(since, now) - SLACK) : null;
}
