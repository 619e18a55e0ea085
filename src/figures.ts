import cluster from "node:cluster";
import { AggregatorRegistry } from "prom-client";
import { answer, ask } from "./ipc.ts";
import type { Metrics } from "./metrics.ts";

type Figures = Awaited<ReturnType<Metrics["registry"]["getMetricsAsJSON"]>>;

// Longer than the primary waits for each.
const PATIENCE_MS = 2000;

/**
 * The figures that a scrape gets. Where there are several web processes, it reaches one of them by chance and gets those
 * of all: each series with the number of its process, so that a process that starts again is told from a counter that
 * falls. What all of them would ask the database is there once.
 * @param refresh sets anew what is not counted as things happen
 */
export function createFigures(metrics: Metrics, refresh: () => void): () => Promise<string> {
  const { registry } = metrics;
  if (!cluster.isWorker) return () => registry.metrics();
  answer(process, "figures", () => {
    refresh();
    return registry.getMetricsAsJSON();
  });
  return async () => {
    const all = (await ask(process, "all figures", PATIENCE_MS)) as { process: number; figures: Figures }[];
    const once = await Promise.all(Object.values(metrics.database).map((gauge) => gauge.get()));
    const names = new Set(once.map(({ name }) => name));
    const others = all.map(({ process, figures }) => labelled(figures, process).filter(({ name }) => !names.has(name)));
    const shared = once.map((figure) => ({ ...figure, aggregator: "first" }));
    return AggregatorRegistry.aggregate([...others, shared]).metrics();
  };
}

function labelled(figures: Figures, process: number) {
  return figures.map((metric) => ({
    ...metric,
    // Of each series there is one.
    aggregator: "first",
    values: metric.values.map((value) => ({ ...value, labels: { ...value.labels, process: String(process) } })),
  }));
}
