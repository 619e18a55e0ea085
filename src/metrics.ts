import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export type Metrics = ReturnType<typeof createMetrics>;

/** The upper bounds of what delivery is measured by, in seconds. What we promise, half a second, is one of them. */
export const DELIVERY_SECONDS = [
  ...[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5],
  ...[0.75, 1, 2.5, 5, 10],
];
const REPLAY_ROWS = [0, 1, 3, 10, 30, 100, 200];

const MOST_GATHERED = 1000;

// Somebody who polls does so every ten seconds.
const POLLING_MS = 25_000;

/**
 * The figures of one web process, with Node's own, in a registry of their own. They are set as things happen; those of
 * the database, of the connections to it and of the bus are set anew by whoever answers a scrape.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  // Each look at the loop wakes the process: a hundred in a second were a fifth of what ten thousand people cost at rest.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 });
  // Counted by hand, ten thousand times a second: to find its labels costs the counter more than to write the event.
  const sent: Record<string, number> = {};
  new Counter({
    name: "stockbell_sent_total",
    help: "Events written to streams, by name",
    labelNames: ["event"],
    registers,
    collect() {
      this.reset();
      for (const [event, count] of Object.entries(sent)) this.inc({ event }, count);
    },
  });
  // To find a bucket costs a tenth of the time when a thousand are looked for, one after the other.
  let delivered: number[] = [];
  const delivery = new Histogram({
    name: "stockbell_delivery_seconds",
    help: "Time from a change's commit to its bytes in a stream's socket",
    buckets: DELIVERY_SECONDS,
    registers,
    collect: noteDelivered,
  });
  function noteDelivered(): void {
    const noted = delivered;
    delivered = [];
    for (const seconds of noted) delivery.observe(seconds);
  }
  const polled = new Map<number, number>();
  return {
    registry,
    /** Somebody's page asks instead of listening. */
    polled(userId: number): void {
      polled.set(userId, Date.now());
    },
    polling: new Gauge({
      name: "stockbell_polling_clients",
      help: "People whose pages have asked within half a minute because they cannot listen",
      registers,
      collect() {
        for (const [id, at] of polled) if (at < Date.now() - POLLING_MS) polled.delete(id);
        this.set(polled.size);
      },
    }),
    streams: new Gauge({
      name: "stockbell_streams",
      help: "Streams open now, by the role of their person",
      labelNames: ["role"],
      registers,
    }),
    streamOpens: new Counter({
      name: "stockbell_stream_opens_total",
      help: "Streams that opened, by how they stood with their cursor",
      labelNames: ["state"],
      registers,
    }),
    streamRefusals: new Counter({
      name: "stockbell_stream_refusals_total",
      help: "Streams that were refused: 503 by a process that is full or stops, 429 to whom opens too many",
      labelNames: ["status"],
      registers,
    }),
    streamEnds: new Counter({
      name: "stockbell_stream_ends_total",
      help: "Streams that ended, by reason",
      labelNames: ["reason"],
      registers,
    }),
    /** One more event was written to a stream. */
    sent(event: string): void {
      sent[event] = (sent[event] ?? 0) + 1;
    },
    delivery,
    /** One more notification was written to a stream. @param seconds since the commit of what it tells */
    delivered(seconds: number): void {
      if (delivered.push(seconds) >= MOST_GATHERED) noteDelivered();
    },
    shown: new Histogram({
      name: "stockbell_shown_seconds",
      help: "Time from a change's commit to its toast on a screen, as browsers tell it",
      buckets: DELIVERY_SECONDS,
      registers,
    }),
    catchupRows: new Counter({
      name: "stockbell_catchup_rows_total",
      help: "Notifications that streams had to read from Postgres",
      registers,
    }),
    replay: new Histogram({
      name: "stockbell_replay_rows",
      help: "Notifications that were read for a stream that came back with its cursor",
      buckets: REPLAY_ROWS,
      registers,
    }),
    /** Those of the database, which are the same from whichever process they are asked. */
    database: databaseFigures(registers),
    connections: new Gauge({
      name: "stockbell_connections",
      help: "Connections to the database: busy, idle, and asked for in vain so far",
      labelNames: ["state"],
      registers,
    }),
    policyReports: new Counter({
      name: "stockbell_policy_reports_total",
      help: "Reports of browsers that something on a page was against the content policy",
      registers,
    }),
    busUp: new Gauge({ name: "stockbell_bus_up", help: "1 while messages flow between processes", registers }),
    busRoundTrip: new Gauge({
      name: "stockbell_bus_round_trip_seconds",
      help: "Time until this process last heard what it said to itself through the bus",
      registers,
    }),
  };
}

/** What is asked of the database for each scrape. */
function databaseFigures(registers: Registry[]) {
  const gauge = (name: string, help: string) => new Gauge({ name: `stockbell_${name}`, help, registers });
  const byState = (name: string, help: string) =>
    new Gauge({ name: `stockbell_${name}`, help, labelNames: ["state"], registers });
  return {
    jobs: byState("jobs", "Jobs in the queue, by state"),
    oldestJob: gauge("oldest_job_seconds", "How long the job that is due and has waited longest has been due"),
    eventsWaiting: byState("undelivered_events", "Events that nobody has been told of, in their lanes or on their own"),
    oldestEvent: gauge("oldest_event_seconds", "Age of the oldest event that waits in its lane"),
    lastEvent: gauge("last_event", "The number of the last event, which rises with each"),
    differences: gauge(
      "proof_differences",
      "Differences that the last isolation proof found: anything but 0 is a fault",
    ),
    databaseUp: gauge("database_up", "1 while the database answers within a second"),
  };
}
