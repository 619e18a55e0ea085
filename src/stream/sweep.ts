import { sql } from "kysely";
import { arrayOf } from "../db.ts";
import type { InboxHead } from "../notifications/heads.ts";
import { note, sendMarks } from "./catch-up.ts";
import { lastsOn } from "./heart.ts";
import type { Hub, HubParts } from "./hub.ts";
import type { Person, Stream } from "./stream.ts";

const EVERY_MS = 1000;
const PARTS = 5;
const NOTED_EVERY = 30;
// A transaction may commit this long after the time that it wrote.
const SLACK_MS = 10_000;

/**
 * Every five seconds, a fifth of them each second, and all when the bus comes back: compares what everybody connected
 * here has been told with Postgres, and every stream's session with the store. It finds what the bus has lost, and who
 * has lost the right to listen, whether or not the bus is there. Sessions that seem to have run out are looked at each
 * second.
 * @returns stop()
 */
export function startSweep(hub: Hub, parts: HubParts): () => void {
  let running = false;
  let round = 0;
  let lookedAt = Date.now();
  const timer = setInterval(async () => {
    if (running) return;
    running = true;
    round += 1;
    // A database that is away is asked again in a second.
    await checkExpired(hub, parts).catch(() => {});
    await sweep(hub.turns.share(PARTS, round), round % PARTS === 0);
    running = false;
  }, EVERY_MS);
  parts.bus.onUp(() => void sweep([...hub.streams], true));
  return () => clearInterval(timer);

  async function sweep(streams: readonly Stream[], showsChanges: boolean): Promise<void> {
    try {
      parts.metrics.busUp.set(parts.bus.up ? 1 : 0);
      await compare(hub, parts, streams);
      if (showsChanges) await showChanges();
      await noteDelivered(
        parts.db,
        hub.turns.share(NOTED_EVERY, round).map(({ person }) => person),
      );
    } catch (error) {
      parts.log.warn({ err: error }, "the sweep could not reach the database");
    }
  }

  async function showChanges(): Promise<void> {
    const began = Date.now();
    await hub.showChangesSince(new Date(lookedAt - SLACK_MS));
    lookedAt = began;
  }
}

type Head = Pick<InboxHead, "lastSeq" | "unseen" | "revision">;

/** How a stream's session, person or inbox differs from what is known of it here. */
type Difference = Head & { n: number; userId: number | null; hasRole: boolean | null };

/**
 * Compares what is known of these streams with Postgres: one query for thousands, which brings nothing of those with whom
 * all is well. Ends the streams whose session is gone or whose person is suspended or has another role by now, and brings
 * up to date whoever has been told less than Postgres has for them.
 */
async function compare(hub: Hub, { db }: HubParts, streams: readonly Stream[]): Promise<void> {
  if (streams.length === 0) return;
  const { sids, userIds, roles } = askAbout(streams);
  const revisions = arrayOf(streams.map(({ person }) => person.revision));
  const known = sql`rows from (
    json_array_elements_text(${sids}::json), unnest(${userIds}::bigint[]), unnest(${roles}::text[]), unnest(${revisions}::bigint[])
  ) with ordinality known (sid, user_id, role, revision, n)`;
  const { rows } = await sql<Difference>`
    select known.n, users.id as "userId", users.role = known.role as "hasRole",
      inboxes.last_seq as "lastSeq", inboxes.unseen, inboxes.revision
    from ${known}
    left join sessions on sessions.sid = known.sid and sessions.expire > now()
    left join users on users.id = (sessions.sess -> 'passport' ->> 'user')::bigint and users.status = 'active'
    left join inboxes on inboxes.user_id = known.user_id and inboxes.revision > known.revision
    where users.id is distinct from known.user_id or users.role <> known.role or inboxes.user_id is not null`.execute(
    db,
  );
  for (const { n, userId, hasRole, ...head } of rows) {
    const stream = streams[n - 1] as Stream;
    if (userId !== stream.userId) hub.end(stream, "signed-out", "signed-out");
    else if (!hasRole) hub.end(stream, "signed-out", "role");
    else showCount(stream.person, head);
  }
  for (const stream of streams) {
    const { person } = stream;
    if (stream.opened && !stream.reading && stream.cursor < person.last) void hub.catchUp(person, stream);
  }
}

/** Those who have missed a number are told the count with it. */
function showCount(person: Person, head: Head): void {
  // The bell may have told of it meanwhile.
  if (head.revision <= person.revision) return;
  note(person, head);
  for (const stream of person.streams) if (stream.cursor >= person.last) sendMarks(stream, [], person);
}

/** Ends those whose session has run out; it may have been prolonged since. */
async function checkExpired(hub: Hub, { db }: HubParts): Promise<void> {
  const now = Date.now();
  const seeming: Stream[] = [];
  for (const stream of hub.expiring) {
    if (stream.expiresAt <= now) seeming.push(stream);
    else if (lastsOn(stream, now)) hub.expiring.delete(stream);
  }
  if (seeming.length === 0) return;
  const { rows } = await sql<{ sid: string; expire: Date }>`
    select sid, expire from sessions
    where sid in (select json_array_elements_text(${JSON.stringify(seeming.map(({ sessionId }) => sessionId))}::json))
      and expire > now()`.execute(db);
  const prolonged = new Map(rows.map(({ sid, expire }) => [sid, expire.getTime()]));
  for (const stream of seeming) {
    const until = prolonged.get(stream.sessionId);
    if (until) stream.expiresAt = until;
    else hub.end(stream, "signed-out", "signed-out");
  }
}

// Where nobody comes and goes a share of the streams stays the same, and so does what is asked about it.
const asked = new WeakMap<readonly Stream[], ReturnType<typeof describe>>();

function askAbout(streams: readonly Stream[]) {
  const known = asked.get(streams) ?? describe(streams);
  asked.set(streams, known);
  return known;
}

function describe(streams: readonly Stream[]) {
  return {
    sids: JSON.stringify(streams.map(({ sessionId }) => sessionId)),
    userIds: arrayOf(streams.map(({ userId }) => userId)),
    roles: arrayOf(streams.map(({ role }) => role)),
  };
}

/**
 * Because numbers are gapless and sent in order, "delivered up to" is one number for each person, noted every half
 * minute. An inbox that is being written to is left to the next time: whoever delivers to many locks them in another
 * order, and neither must wait.
 */
export async function noteDelivered(
  db: HubParts["db"],
  people: Pick<Person, "userId" | "streams" | "noted">[],
): Promise<void> {
  const news = [...new Set(people)].map((person) => ({ person, reached: reachedBy(person) }));
  const told = news.filter(({ person, reached }) => reached > person.noted);
  if (told.length === 0) return;
  const { rows } = await sql<{ userId: number }>`
    with told as (
      select * from unnest(
        ${arrayOf(told.map(({ person }) => person.userId))}::bigint[],
        ${arrayOf(told.map(({ reached }) => reached))}::bigint[]
      ) as told (user_id, seq)
    ), free as (
      select user_id, told.seq
      from told join inboxes using (user_id)
      where inboxes.delivered_seq < told.seq
      for no key update of inboxes skip locked
    ), noted as (
      update inboxes set delivered_seq = free.seq from free where inboxes.user_id = free.user_id
    )
    select user_id as "userId" from told join inboxes using (user_id)
    where inboxes.delivered_seq < told.seq and user_id not in (select user_id from free)`.execute(db);
  const left = new Set(rows.map(({ userId }) => userId));
  for (const { person, reached } of told) if (!left.has(person.userId)) person.noted = reached;
}

function reachedBy({ streams }: Pick<Person, "streams">): number {
  let reached = 0;
  for (const { cursor } of streams) reached = Math.max(reached, cursor);
  return reached;
}
