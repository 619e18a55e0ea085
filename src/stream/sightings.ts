import { type Kysely, sql } from "kysely";
import { arrayOf, type Database } from "../db.ts";
import type { Log } from "../log.ts";
import type { Metrics } from "../metrics.ts";

type Parts = { db: Kysely<Database>; log: Log; metrics: Metrics };
type Seen = { userId: number; seq: number; at: number; how: "live" | "again" | "shown" | "shown late" };

const EVERY_MS = 1000;
/** More in a second are not noted one by one: of ten thousand that hear of one event these are enough, and cost little. */
const MOST = 500;
/** So many one person's browsers may tell of in a second, which is two beacons full: nobody takes the place of others. */
const MOST_EACH = 100;

export type Sightings = ReturnType<typeof createSightings>;

/**
 * When notifications were written to streams and when they were on a screen, gathered in memory and noted each second: a
 * stream waits for none of it, and what is lost with a process is a time and no news.
 */
export function createSightings({ db, log, metrics }: Parts) {
  let written: Seen[] = [];
  let shown: Seen[] = [];
  let shownBy = new Map<number, number>();
  let published = new Map<number, number>();
  let flushing = Promise.resolve();
  let waiting = 0;
  const timer = setInterval(() => waiting > 0 || flush(), EVERY_MS).unref();

  return {
    /** A notification has gone into a stream, `live` as it happened or else to whoever had missed it. */
    written(userId: number, seq: number, live: boolean): void {
      if (written.length < MOST) written.push({ userId, seq, at: Date.now(), how: live ? "live" : "again" });
    },
    /**
     * A browser has painted it.
     * @param ago how many ms before now
     * @param late it had waited in the browser until somebody looked
     */
    shown(userId: number, seq: number, { ago, late }: { ago: number; late: boolean }): void {
      const told = shownBy.get(userId) ?? 0;
      if (shown.length >= MOST || told >= MOST_EACH) return;
      shownBy.set(userId, told + 1);
      shown.push({ userId, seq, at: Date.now() - ago, how: late ? "shown late" : "shown" });
    },
    /** A worker has rung the bus for an event, at a time in ms. */
    published(eventId: number, at: number): void {
      if (published.size < MOST) published.set(eventId, at);
    },
    flush,
    async stop(): Promise<void> {
      clearInterval(timer);
      await flush();
    },
  };

  /** What comes while a slow database is being written to waits for the next time, and what is too much then is dropped. */
  function flush(): Promise<void> {
    waiting += 1;
    flushing = flushing
      .then(noteAll)
      .catch((error) => log.debug({ err: error }, "times were not noted"))
      .finally(() => {
        waiting -= 1;
      });
    return flushing;
  }

  async function noteAll(): Promise<void> {
    const [noted, rung] = [[...written, ...shown], published];
    [written, shown, shownBy, published] = [[], [], new Map(), new Map()];
    if (rung.size > 0) await notePublished(db, rung);
    if (noted.length === 0) return;
    for (const seconds of await noteSeen(db, noted)) metrics.shown.observe(Math.max(0, seconds));
  }
}

/** In the order of ids, so that two processes, which hear of the same, never wait for each other in a circle. */
async function notePublished(db: Kysely<Database>, rung: Map<number, number>): Promise<void> {
  await sql`
    with free as (
      select events.id, rung.at
      from unnest(${arrayOf([...rung.keys()])}::bigint[], ${arrayOf([...rung.values()])}::float8[]) rung (id, at)
      join events on events.id = rung.id
      where published_at is null
      order by events.id
      for no key update of events
    )
    update events set published_at = to_timestamp(free.at / 1000) from free where events.id = free.id`.execute(db);
}

/**
 * Keeps the first time of each kind; in the order of keys, so that two processes never wait for each other in a circle.
 * A browser may only speak of notifications that there are: others are dropped.
 * @returns for each that was told live and painted at once, for the first time: seconds since it happened
 */
async function noteSeen(db: Kysely<Database>, seen: Seen[]): Promise<number[]> {
  const columns = [
    sql`${arrayOf(seen.map(({ userId }) => userId))}::bigint[]`,
    sql`${arrayOf(seen.map(({ seq }) => seq))}::bigint[]`,
    sql`${arrayOf(seen.map(({ at }) => at))}::float8[]`,
    sql`${seen.map(({ how }) => how)}::text[]`,
  ];
  const { rows } = await sql<{ seconds: number }>`
    with seen as (
      select user_id, seq, to_timestamp(at / 1000) as at, how
      from unnest(${sql.join(columns)}) seen (user_id, seq, at, how)
    ), news as materialized (
      select recipient_id, notifications.seq, occurred_at, kind,
        min(at) filter (where how in ('live', 'again')) as written_at,
        greatest(min(at) filter (where how like 'shown%'), notifications.created_at) as shown_at,
        bool_or(how = 'live') as live, bool_or(how = 'shown late') as late, bool_or(how like 'shown%') as shown
      from seen
      join notifications on recipient_id = user_id and notifications.seq = seen.seq
      join events on events.id = event_id
      group by recipient_id, notifications.seq, occurred_at, kind
    ), first as (
      select occurred_at, news.shown_at from news left join sightings using (recipient_id, seq)
      where news.shown and not news.late and news.kind <> 'announcement' and sightings.shown_at is null and (news.live or sightings.live)
    ), noted as (
      insert into sightings (recipient_id, seq, written_at, shown_at, live)
      select recipient_id, seq, written_at, case when shown then shown_at end, live from news order by 1, 2
      on conflict (recipient_id, seq) do update set
        written_at = least(sightings.written_at, excluded.written_at),
        shown_at = least(sightings.shown_at, excluded.shown_at),
        live = sightings.live or excluded.live
    )
    select extract(epoch from shown_at - occurred_at)::float8 as seconds from first`.execute(db);
  return rows.map(({ seconds }) => seconds);
}
