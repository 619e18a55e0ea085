import type pg from "pg";
import type { Metrics } from "./metrics.ts";

/** What only the database knows: the same from whichever web process is asked. */
type Figures = {
  running: number;
  failed: number;
  retrying: number;
  waiting: number;
  scheduled: number;
  jobSeconds: number;
  lastEvent: number;
  eventsInLane: number;
  eventsAlone: number;
  eventSeconds: number;
  /** Null before the first proof. */
  differences: number | null;
};

/** @throws what the database says, as when it is away */
export async function findFigures(pool: pg.Pool): Promise<Figures> {
  const { rows } = await pool.query<Figures>(FIGURES);
  return rows[0] as Figures;
}

/** Sets the figures for a scrape; with a database that is away they are left out: none is better than one from before. */
export function setFigures({ database }: Metrics, figures: Figures | null): void {
  database.databaseUp.set(figures ? 1 : 0);
  for (const gauge of [database.jobs, database.eventsWaiting]) gauge.reset();
  for (const gauge of [database.oldestJob, database.oldestEvent, database.lastEvent, database.differences])
    gauge.remove();
  if (!figures) return;
  const { running, failed, retrying, waiting, scheduled } = figures;
  for (const [state, count] of Object.entries({ running, failed, retrying, waiting, scheduled }))
    database.jobs.set({ state }, count);
  database.oldestJob.set(figures.jobSeconds);
  database.lastEvent.set(figures.lastEvent);
  database.eventsWaiting.set({ state: "in_lane" }, figures.eventsInLane);
  database.eventsWaiting.set({ state: "left_lane" }, figures.eventsAlone);
  database.oldestEvent.set(figures.eventSeconds);
  if (figures.differences !== null) database.differences.set(figures.differences);
}

/** How the pool of a process stands: whoever waits in it waits before the database has even heard of it. */
export function setConnections(metrics: Metrics, { totalCount, idleCount, waitingCount }: pg.Pool): void {
  metrics.connections.set({ state: "busy" }, totalCount - idleCount);
  metrics.connections.set({ state: "idle" }, idleCount);
  metrics.connections.set({ state: "awaited" }, waitingCount);
}

// A job that is set aside waits for a person, and an event that has left its lane for its own job: neither is late.
const FIGURES = `
  select jobs.*, events.*, (select coalesce(max(id), 0) from events) as "lastEvent",
    (select leaks + lost + other_reasons + no_rule from proofs order by id desc limit 1) as differences
  from (
    select
      count(*) filter (where locked_at is not null) as running,
      count(*) filter (where locked_at is null and attempts >= max_attempts) as failed,
      count(*) filter (where locked_at is null and attempts < max_attempts and attempts > 0) as retrying,
      count(*) filter (where locked_at is null and attempts = 0 and run_at <= now()) as waiting,
      count(*) filter (where locked_at is null and attempts = 0 and run_at > now()) as scheduled,
      coalesce(extract(epoch from now() - min(run_at) filter (
        where locked_at is null and attempts < max_attempts and run_at <= now())), 0)::float8 as "jobSeconds"
    from graphile_worker.jobs
  ) jobs, (
    select
      count(*) filter (where left_lane_at is null) as "eventsInLane",
      count(*) filter (where left_lane_at is not null) as "eventsAlone",
      greatest(0, coalesce(extract(epoch from now() - min(occurred_at) filter (
        where left_lane_at is null)), 0))::float8 as "eventSeconds"
    from events where delivered_at is null
  ) events`;
