import { sql } from "kysely";
import type { Db, Role } from "../db.ts";
import { DELIVERY_SECONDS } from "../metrics.ts";
import { addUp, quantile, shareWithin } from "./quantiles.ts";

/** What is promised: so many of a hundred that are told live are on a screen within so many seconds. */
export const PROMISE = { seconds: 0.5, share: 0.99 };

const MINUTES = 60;
const RECENT = 5;
const SILENT_S = 20;

type Quantiles = { p50: number | null; p95: number | null; p99: number | null };

/** A minute of all processes together: how many were told, and how fast; null where nobody was. */
export type Minute = Quantiles & { at: Date; told: number };

export type Process = {
  process: string;
  kind: "web" | "worker";
  release: string;
  host: string;
  pid: number;
  startedAt: Date;
  at: Date;
  streams: Partial<Record<Role, number>>;
  busUp: boolean;
  /** It has not been heard of for some time, and has not said that it ends. */
  silent: boolean;
};

/** How everything fares now, over the last hour, and of the promise over the last day; times in seconds. */
export async function readHealth(db: Db) {
  const [rows, processes, day, { at, ...queue }] = await Promise.all([
    readHour(db),
    readProcesses(db),
    readDay(db),
    readQueue(db),
  ]);
  const recent = rows.filter(({ minute }) => minute.getTime() > Date.now() - RECENT * 60_000);
  const living = processes.filter(({ silent }) => !silent);
  const sum = (of: (row: Row) => number) => recent.reduce((all, row) => all + of(row), 0);
  return {
    /** When this was so, by the database's clock: whichever process has read it, later is later. */
    at,
    minutes: byMinute(rows),
    written: quantilesOf(addUp(recent.map(({ written }) => written))),
    shown: quantilesOf(addUp(recent.map(({ shown }) => shown))),
    perSecond: sum(({ written }) => addUp([written]).reduce((a, b) => a + b, 0)) / (RECENT * 60),
    catchups: sum(({ catchups }) => catchups),
    cuts: sum(({ cuts }) => cuts),
    polling: living.reduce((all, { polling }) => all + polling, 0),
    connected: connectedOf(living),
    budget: budgetOf(day),
    processes,
    queue,
  };
}

type Row = { minute: Date; written: number[]; shown: number[]; catchups: number; cuts: number };

function readHour(db: Db): Promise<Row[]> {
  return db
    .selectFrom("pulses")
    .select(["minute", "written", "shown", "catchups", "cuts"])
    .where("minute", ">", sql<Date>`now() - ${MINUTES} * interval '1 minute'`)
    .orderBy("minute")
    .execute();
}

async function readProcesses(db: Db): Promise<(Process & { polling: number })[]> {
  const rows = await db
    .selectFrom("pulses")
    .distinctOn("process")
    .select(["process", "kind", "release", "host", "pid", "started_at as startedAt", "at", "streams", "polling"])
    .select(["bus_up as busUp", sql<boolean>`at < now() - ${SILENT_S} * interval '1 second'`.as("silent"), "ended"])
    .where("at", ">", sql<Date>`now() - interval '15 minutes'`)
    // So that not all that there is need be read: a process whose clock is wrong by less than this is found.
    .where("minute", ">", sql<Date>`now() - interval '3 hours'`)
    .orderBy("process")
    .orderBy("minute", "desc")
    .execute();
  const living = rows.filter(({ ended }) => !ended);
  return living.sort((a, b) => a.kind.localeCompare(b.kind) || Number(a.startedAt) - Number(b.startedAt));
}

/** How many of the last day were on a screen, and how many of them in time. */
async function readDay(db: Db): Promise<{ shown: number; inTime: number }> {
  const inTime = DELIVERY_SECONDS.indexOf(PROMISE.seconds) + 1;
  const { rows } = await sql<{ shown: number; inTime: number }>`
    select coalesce(sum(count), 0) as shown, coalesce(sum(count) filter (where n <= ${inTime}), 0) as "inTime"
    from pulses cross join unnest(shown) with ordinality bucket (count, n)
    where minute > now() - interval '1 day'`.execute(db);
  return rows[0] ?? { shown: 0, inTime: 0 };
}

/** What waits to be done: `oldest` for how many seconds; and of how many events nobody has been told yet. */
type Queue = { waiting: number; failed: number; oldest: number | null; undelivered: number };

async function readQueue(db: Db) {
  const { rows } = await sql<Queue & { at: Date }>`
    select now() as at,
      count(*) filter (where due) as waiting,
      count(*) filter (where attempts >= max_attempts and locked_at is null) as failed,
      extract(epoch from now() - min(run_at) filter (where due))::float8 as oldest,
      (select count(*) from events where delivered_at is null) as undelivered
    from graphile_worker.jobs
    cross join lateral (select locked_at is null and attempts < max_attempts and run_at <= now() as due) state
  `.execute(db);
  return rows[0] as Queue & { at: Date };
}

function byMinute(rows: Row[]): Minute[] {
  const now = Math.floor(Date.now() / 60_000);
  return Array.from({ length: MINUTES }, (_, at) => {
    const minute = (now - MINUTES + 1 + at) * 60_000;
    const these = rows.filter((row) => row.minute.getTime() === minute);
    const told = addUp(these.map(({ written }) => written)).reduce((a, b) => a + b, 0);
    return { at: new Date(minute), told, ...quantilesOf(addUp(these.map(({ shown }) => shown))) };
  });
}

function quantilesOf(counts: number[]): Quantiles {
  const of = (share: number) => quantile(DELIVERY_SECONDS, counts, share);
  return { p50: of(0.5), p95: of(0.95), p99: of(0.99) };
}

function connectedOf(processes: Process[]): Record<Role, number> & { all: number } {
  const of = (role: Role) => processes.reduce((sum, { streams }) => sum + (streams[role] ?? 0), 0);
  const each = { buyer: of("buyer"), seller: of("seller"), admin: of("admin") };
  return { ...each, all: each.buyer + each.seller + each.admin };
}

/** How much of what may be late has been: 0 none, 1 all of it, more than 1 when the promise is broken. */
function budgetOf({ shown, inTime }: { shown: number; inTime: number }) {
  const share = shareWithin(shown, inTime);
  return { shown, late: shown - inTime, share, used: shown === 0 ? 0 : (1 - share) / (1 - PROMISE.share) };
}
