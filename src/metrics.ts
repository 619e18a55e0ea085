import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

export type Metrics = ReturnType<typeof createMetrics>;

const DELIVERY_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * The figures of one web process, with Node's own, in a registry of their own. `jobs`, `differences` and `busUp` are set anew by
 * whoever answers a scrape, the others as things happen.
 */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
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
  return {
    registry,
    streams: new Gauge({
      name: "stockbell_streams",
      help: "Streams open now, by the role of their person",
      labelNames: ["role"],
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
    delivery: new Histogram({
      name: "stockbell_delivery_seconds",
      help: "Time from a change's commit to its bytes in a stream's socket",
      buckets: DELIVERY_SECONDS,
      registers,
    }),
    catchupRows: new Counter({
      name: "stockbell_catchup_rows_total",
      help: "Notifications that streams had to read from Postgres",
      registers,
    }),
    jobs: new Gauge({ name: "stockbell_jobs", help: "Jobs in the queue, by state", labelNames: ["state"], registers }),
    differences: new Gauge({
      name: "stockbell_proof_differences",
      help: "Differences that the last isolation proof found: anything but 0 is a fault",
      registers,
    }),
    policyReports: new Counter({
      name: "stockbell_policy_reports_total",
      help: "Reports of browsers that something on a page was against the content policy",
      registers,
    }),
    busUp: new Gauge({ name: "stockbell_bus_up", help: "1 while messages flow between processes", registers }),
  };
}
