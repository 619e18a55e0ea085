import { sql } from "kysely";
import { readHeads } from "../notifications/inbox.ts";
import { note, sendMarks } from "./catch-up.ts";
import type { Hub, HubParts } from "./hub.ts";
import type { Person, Stream } from "./stream.ts";

const EVERY_MS = 1000;
const FULL = 5;
// A transaction may commit this long after the time that it wrote.
const SLACK_MS = 10_000;

/**
 * Every five seconds, and when the bus comes back: compares what everybody connected here has been told with Postgres,
 * and every stream's session with the store. It finds what the bus has lost, and who has lost the right to listen,
 * whether or not the bus is there. Sessions that seem to have run out are looked at each second.
 * @returns stop()
 */
export function startSweep(hub: Hub, parts: HubParts): () => void {
  let running = false;
  let round = 0;
  let lookedAt = Date.now();
  const timer = setInterval(async () => {
    round += 1;
    if (running) return;
    running = true;
    if (round % FULL === 0) await sweep();
    else await checkExpired(hub, parts);
    running = false;
  }, EVERY_MS);
  parts.bus.onUp(() => void sweep());
  return () => clearInterval(timer);

  async function sweep(): Promise<void> {
    try {
      parts.metrics.busUp.set(parts.bus.up ? 1 : 0);
      await checkSessions(hub, parts, [...hub.streams]);
      await checkInboxes(hub, parts);
      const began = Date.now();
      await hub.showChangesSince(new Date(lookedAt - SLACK_MS));
      lookedAt = began;
    } catch (error) {
      parts.log.warn({ err: error }, "the sweep could not reach the database");
    }
  }
}

/** Ends the streams whose session is gone or whose person is suspended or has another role by now. */
async function checkSessions(hub: Hub, { db }: HubParts, streams: Stream[]): Promise<void> {
  if (streams.length === 0) return;
  const ids = streams.map((stream) => stream.sessionId);
  const { rows } = await sql<{ sid: string; userId: number; role: string; expire: Date }>`
    select sessions.sid, users.id as "userId", users.role, sessions.expire
    from sessions
    join users on users.id = (sessions.sess -> 'passport' ->> 'user')::bigint and users.status = 'active'
    where sessions.sid = any(${ids}::text[]) and sessions.expire > now()`.execute(db);
  const living = new Map(rows.map((row) => [row.sid, row]));
  for (const stream of streams) {
    const session = living.get(stream.sessionId);
    if (session?.userId !== stream.userId) hub.end(stream, "signed-out", "signed-out");
    else if (session.role !== stream.role) hub.end(stream, "signed-out", "role");
    else stream.expiresAt = session.expire.getTime();
  }
}

async function checkExpired(hub: Hub, parts: HubParts): Promise<void> {
  const now = Date.now();
  const seeming = [...hub.streams].filter((stream) => stream.expiresAt <= now);
  await checkSessions(hub, parts, seeming).catch(() => {});
}

async function checkInboxes(hub: Hub, { db }: HubParts): Promise<void> {
  const people = [...hub.people.values()];
  if (people.length === 0) return;
  const heads = await readHeads(
    db,
    people.map((person) => person.userId),
  );
  for (const person of people) {
    const head = heads.get(person.userId);
    if (!head) continue;
    const staleCount = head.revision > person.revision;
    note(person, head);
    const behind = [...person.streams].filter((stream) => !stream.reading && stream.cursor < person.last);
    for (const stream of behind) void hub.catchUp(person, stream);
    if (staleCount && behind.length === 0) for (const stream of person.streams) sendMarks(stream, [], person);
  }
  await noteDelivered(db, people);
}

/**
 * Because numbers are gapless and sent in order, "delivered up to" is one number for each person. An inbox that is being
 * written to is left to the next sweep: whoever delivers to many locks them in another order, and neither must wait.
 */
export async function noteDelivered(db: HubParts["db"], people: Pick<Person, "userId" | "streams">[]): Promise<void> {
  const reached = people.map((person) => Math.max(0, ...[...person.streams].map((stream) => stream.cursor)));
  await sql`
    update inboxes set delivered_seq = told.seq
    from (
      select behind.user_id, reached.seq
      from unnest(${people.map((person) => person.userId)}::bigint[], ${reached}::bigint[]) as reached (user_id, seq)
      join inboxes behind on behind.user_id = reached.user_id and behind.delivered_seq < reached.seq
      for no key update of behind skip locked
    ) told
    where inboxes.user_id = told.user_id`.execute(db);
}
