import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { type Kysely, sql } from "kysely";
import type { Histogram } from "prom-client";
import { arrayOf, type Database } from "./db.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";

type Parts = { db: Kysely<Database>; log: Log; bus: { readonly up: boolean }; release: string };
type Figures = { written: number[]; shown: number[]; catchups: number; cuts: number };

export const PULSE_MS = 5000;
const KEPT = "2 days";
const NOTHING: Figures = { written: [], shown: [], catchups: 0, cuts: 0 };

/**
 * A process says every few seconds that it lives and how it fares, in a row for each minute: so each of them can show how
 * all fare, without a third party.
 * @param kind which kind of process it is
 * @param metrics of a web process; a worker has none of these figures
 * @returns stop(): says that it has ended in good order
 */
export function startPulse({ db, log, bus, release }: Parts, kind: "web" | "worker", metrics?: Metrics) {
  const process_ = `${kind}-${randomUUID().slice(0, 8)}`;
  const started = new Date();
  // What had been counted when the present minute began: the row has what has come since.
  let minute = 0;
  let base = NOTHING;
  let last = NOTHING;
  let beating: Promise<void> | null = null;
  const timer = setInterval(() => void beat(), PULSE_MS).unref();
  void beat();

  return {
    process: process_,
    beat,
    async stop(): Promise<void> {
      clearInterval(timer);
      await beat();
      await db
        .updateTable("pulses")
        .set({ ended: true })
        .where("process", "=", process_)
        .execute()
        .catch(() => {});
    },
  };

  function beat(): Promise<void> {
    beating ??= write()
      .catch((error) => log.debug({ err: error }, "the pulse was not written"))
      .finally(() => {
        beating = null;
      });
    return beating;
  }

  async function write(): Promise<void> {
    const now = Math.floor(Date.now() / 60_000);
    if (now !== minute) {
      if (minute !== 0)
        await db.deleteFrom("pulses").where("minute", "<", sql<Date>`now() - ${KEPT}::interval`).execute();
      [minute, base] = [now, last];
    }
    const figures = metrics ? await figuresOf(metrics) : NOTHING;
    const since = difference(figures, base);
    const row = {
      // By the database's clock: whose own is wrong lives all the same.
      ...{ at: sql<Date>`now()`, bus_up: bus.up, polling: metrics ? await figureOf(metrics.polling) : 0 },
      streams: JSON.stringify(metrics ? await byRole(metrics) : {}),
      ...{ catchups: since.catchups, cuts: since.cuts },
      written: sql<number[]>`${arrayOf(since.written)}::int[]`,
      shown: sql<number[]>`${arrayOf(since.shown)}::int[]`,
    };
    const who = { kind, release, host: hostname(), pid: process.pid, started_at: started };
    await db
      .insertInto("pulses")
      .values({ process: process_, minute: new Date(minute * 60_000), ...who, ...row })
      .onConflict((conflict) => conflict.columns(["process", "minute"]).doUpdateSet(row))
      .execute();
    last = figures;
  }
}

async function figuresOf(metrics: Metrics): Promise<Figures> {
  const ends = await metrics.streamEnds.get();
  const cuts = ends.values.filter(({ labels }) => labels.reason === "slow" || labels.reason === "stalled");
  return {
    written: await countsOf(metrics.delivery),
    shown: await countsOf(metrics.shown),
    catchups: await figureOf(metrics.catchupRows),
    cuts: cuts.reduce((sum, { value }) => sum + value, 0),
  };
}

/** How many fell between each bound and the one before; a histogram counts those up to each. */
async function countsOf(histogram: Histogram): Promise<number[]> {
  const { values } = await histogram.get();
  const upTo = values.filter(({ metricName }) => metricName?.endsWith("_bucket")).map(({ value }) => value);
  return upTo.map((count, at) => count - (upTo[at - 1] ?? 0));
}

async function figureOf(metric: { get(): Promise<{ values: { value: number }[] }> }): Promise<number> {
  const { values } = await metric.get();
  return values[0]?.value ?? 0;
}

async function byRole(metrics: Metrics): Promise<Record<string, number>> {
  const { values } = await metrics.streams.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels.role, value]));
}

function difference(now: Figures, before: Figures): Figures {
  const each = (counts: number[], earlier: number[]) => counts.map((count, at) => count - (earlier[at] ?? 0));
  return {
    written: each(now.written, before.written),
    shown: each(now.shown, before.shown),
    catchups: now.catchups - before.catchups,
    cuts: now.cuts - before.cuts,
  };
}
