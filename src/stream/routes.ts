import { type Request, type RequestHandler, type Response, Router } from "express";
import type { Kysely } from "kysely";
import { allow, ownListenersOnly, ownRequestsOnly, viewerOf } from "../access.ts";
import type { ReadSession } from "../accounts/session-reader.ts";
import { addressOf } from "../address.ts";
import type { Config } from "../config.ts";
import type { Database } from "../db.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";
import { localeOf } from "../views.ts";
import { beaconForm, readBeacon } from "./beacon.ts";
import { note, sendMarks, writeNotices } from "./catch-up.ts";
import { Connection, type StreamEnd } from "./connection.ts";
import { cursorOf, type Standing, sinceOf } from "./cursor.ts";
import { missedFragment } from "./fallback.ts";
import { frame, framed, randomRetry, retryFrame } from "./frames.ts";
import { STREAM_HEAD } from "./head.ts";
import { sendHeartbeat } from "./heart.ts";
import type { Hub } from "./hub.ts";
import type { MarketCards } from "./market.ts";
import { createOpenings, type Openings } from "./openings.ts";
import { oversightSince } from "./oversight.ts";
import type { Reads } from "./reads.ts";
import type { Person, Stream } from "./stream.ts";

type Parts = {
  config: Config;
  db: Kysely<Database>;
  hub: Hub;
  log: Log;
  metrics: Metrics;
  cards: MarketCards;
  reads: Reads;
};

const helloFrame = framed("hello");

/**
 * The stream and its stand-in.
 * @param session reads who is signed in, and neither prolongs nor brings back a session
 */
export function streamRoutes(parts: Parts, session: RequestHandler[]): Router {
  const router = Router();
  const openings = createOpenings();
  const ours = ownListenersOnly(parts.config.appOrigin);
  router.get("/stream", whereThereIsRoom(parts), ours, ...session, allow("signed-in"), (req, res) =>
    openStream(parts, openings, req, res),
  );
  const own = ownRequestsOnly(parts.config.appOrigin);
  router.post("/stream/shown", own, beaconForm, ...session, allow("signed-in"), (req, res) =>
    noteShown(parts, req, res),
  );
  router.get("/stream/fallback", ours, ...session, allow("signed-in"), (req, res) => answerPoll(parts, req, res));
  return router;
}

// Refused before anything is read: those who come when a process is full come all at once.
function whereThereIsRoom(parts: Parts): RequestHandler {
  return (_req, res, next) => (isFull(parts) ? busy(parts, res) : next());
}

function isFull({ config, hub }: Parts): boolean {
  return hub.closing || hub.streams.size >= config.streamMax;
}

async function openStream(parts: Parts, openings: Openings, req: Request, res: Response): Promise<void> {
  const { config, hub, metrics } = parts;
  if (isFull(parts)) return busy(parts, res);
  if (req.method === "HEAD") return void res.set(STREAM_HEAD).end();
  const ended = openings.enter(viewerOf(req).id, addressOf(req));
  if (!ended) return busy(parts, res, 429);
  let stream: Stream | undefined;
  const connection = new Connection(req, res, { metrics, lagging: hub.lagging }, (reason) => {
    ended();
    if (stream) leave(parts, stream, reason);
  });
  if (connection.ended) return;
  stream = hub.join({ connection, ...whose(req, res) });
  makeRoom(hub, stream.person, config.streamMaxPerUser);
  try {
    await tellWhatWasMissed(parts, req, stream);
  } catch (error) {
    hub.leave(stream);
    if (connection.begun) return connection.cut("client");
    throw error;
  }
}

function whose(req: Request, res: Response) {
  const viewer = viewerOf(req);
  const { sid, expires }: ReadSession = res.locals.session;
  return {
    userId: viewer.id,
    role: viewer.role,
    sessionId: sid,
    locale: localeOf(req),
    request: String(req.id),
    expiresAt: expires.getTime(),
  };
}

/** Subscribe, then read, then go live: what is committed meanwhile is either read here or heard on the bus. */
async function tellWhatWasMissed(parts: Parts, req: Request, stream: Stream): Promise<void> {
  const { db, hub, log, metrics, reads } = parts;
  const { person } = stream;
  await person.subscribed;
  const head = await reads.head(stream.userId);
  note(person, head);
  const standing = cursorOf(req, head);
  const missed = standing.replayed > 0 ? await reads.missed(stream.userId, standing.cursor, head.lastSeq) : null;
  const since = sinceOf(req);
  const gone = since ? await reads.goneSince(stream.userId, since) : [];
  const happened = since && stream.role === "admin" ? await oversightSince(db, stream.locale, since) : "";

  const { connection } = stream;
  if (connection.ended) return;
  stream.cursor = standing.cursor;
  connection.open();
  connection.send("hello", hello(standing, head.lastSeq, stream.userId));
  stream.opened = true;
  log.info({ ...nameOf(stream), state: standing.state, replayed: standing.replayed }, "a stream opened");
  metrics.streamOpens.inc({ state: standing.state });
  if (standing.state === "resumed") metrics.replay.observe(missed?.notices.length ?? 0);
  if (missed) writeNotices(hub.sightings, stream, missed, person);
  metrics.catchupRows.inc(missed?.notices.length ?? 0);
  sendMarks(stream, [], person, gone);
  if (happened) connection.send("oversight", frame("oversight", happened));
  if (since) await hub.showSince(stream, since);
  await hub.goLive(stream);
  // Its first heartbeat says that all that was missed has been sent: only then may a page claim that all is here.
  sendHeartbeat(stream);
}

/**
 * `user` lets a page notice that the stream has become somebody else's, who has signed in in the same browser; `retry` is
 * there again because an EventSource keeps the field to itself.
 */
function hello({ state, replayed }: Standing, last: number, user: number): string {
  const retry = randomRetry();
  return retryFrame(retry) + helloFrame(JSON.stringify({ state, replayed, last, user, retry }));
}

/** One more than a person may have ends the oldest, which may come back when the others are fewer. */
function makeRoom(hub: Hub, person: Person, most: number): void {
  const [oldest] = person.streams;
  if (person.streams.length > most && oldest) hub.end(oldest, "replaced", undefined, 60_000);
}

function leave({ hub, log }: Parts, stream: Stream, reason: StreamEnd): void {
  hub.leave(stream);
  const { openedAt, sent, waiting } = stream.connection;
  log.info({ ...nameOf(stream), reason, seconds: (Date.now() - openedAt) / 1000, sent, waiting }, "a stream ended");
}

/** What the lines of one stream in the log have in common. */
function nameOf({ request, userId, role }: Stream) {
  return { request, user: userId, role };
}

function busy({ metrics }: Parts, res: Response, status = 503): void {
  metrics.streamRefusals.inc({ status });
  res
    .status(status)
    .set("Retry-After", String(1 + Math.floor(Math.random() * 5)))
    .end();
}

function noteShown({ hub }: Parts, req: Request, res: Response): void {
  const { id } = viewerOf(req);
  for (const { seq, ...painted } of readBeacon(req)) hub.sightings.shown(id, seq, painted);
  res.status(204).end();
}

async function answerPoll(parts: Parts, req: Request, res: Response): Promise<void> {
  const viewer = viewerOf(req);
  parts.metrics.polled(viewer.id);
  const at = new Date();
  const head = await parts.reads.head(viewer.id);
  const html = await missedFragment(parts, { userId: viewer.id, role: viewer.role }, localeOf(req), {
    standing: cursorOf(req, head, "after"),
    since: sinceOf(req),
    head,
  });
  res.set({
    "Cache-Control": "no-store",
    "Stockbell-Reader": String(viewer.id),
    "Stockbell-Cursor": String(head.lastSeq),
    "Stockbell-At": at.toISOString(),
  });
  if (html === "") res.status(204).end();
  else res.type("html").send(html);
}
