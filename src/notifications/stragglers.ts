import { type Kysely, sql } from "kysely";
import type { Database } from "../db.ts";
import type { Log } from "../log.ts";

type Parts = { db: Kysely<Database>; log: Log };

const EVERY_MS = 3000;
const MOST_LANES = 50;

/**
 * The queue is a doorbell too. A job that failed while the database was away is tried again after a while that doubles
 * and more; its event need not wait for that: every few seconds the lanes are looked at in which one has waited longer.
 * @param deliver delivers what waits in the lane of an event
 * @returns stop(): resolves when nothing is being delivered by it any more
 */
export function watchForStragglers(parts: Parts, deliver: (eventId: number) => Promise<void>) {
  let busy: Promise<void> | null = null;
  let stopped = false;
  const timer = setInterval(() => {
    busy ??= look().finally(() => {
      busy = null;
    });
  }, EVERY_MS);
  return {
    async stop(): Promise<void> {
      stopped = true;
      clearInterval(timer);
      await busy;
    },
  };

  async function look(): Promise<void> {
    try {
      for (const id of await firstOfEachLane(parts.db)) {
        if (stopped) return;
        await deliver(id);
      }
    } catch (error) {
      parts.log.debug({ err: error }, "events that wait could not be delivered yet");
    }
  }
}

async function firstOfEachLane(db: Kysely<Database>): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select min(id) as id from events
    where delivered_at is null and left_lane_at is null and occurred_at < now() - ${EVERY_MS} * interval '1 ms'
    group by listing_id, case when listing_id is null then id end
    order by 1 limit ${MOST_LANES}`.execute(db);
  return rows.map(({ id }) => id);
}
