import type { Minute } from "./health.ts";

const [WIDTH, HEIGHT] = [600, 120];

/** Points of a chart, in the units of its view box: x by minute, y from the top. */
export type Chart = {
  width: number;
  height: number;
  /** A path for each of the lines; where nothing was counted there is a gap. */
  lines: { name: "p50" | "p95" | "p99"; path: string }[];
  /** How high the promise lies. */
  promise: number;
  bars: { x: number; y: number; width: number; height: number }[];
  /** The most that was told in a minute. */
  most: number;
};

/**
 * What is to be drawn of an hour. Times are drawn by their square root, so that the usual ones can be told apart and a
 * bad one still fits; beyond four times the promise they are at the top.
 * @param promise in seconds
 */
export function chartOf(minutes: Minute[], promise: number): Chart {
  const step = WIDTH / minutes.length;
  const top = 4 * promise;
  const y = (seconds: number) => round(HEIGHT - Math.sqrt(Math.min(seconds, top) / top) * HEIGHT);
  const x = (at: number) => round((at + 0.5) * step);
  const most = Math.max(1, ...minutes.map(({ told }) => told));
  const bars = minutes.flatMap(({ told }, at) => {
    const height = round((told / most) * HEIGHT);
    return told > 0 ? [{ x: round(at * step + 1), y: round(HEIGHT - height), width: round(step - 2), height }] : [];
  });
  const lines = (["p99", "p95", "p50"] as const).map((name) => ({
    name,
    path: pathOf(
      minutes.map((m) => m[name]),
      x,
      y,
    ),
  }));
  return {
    width: WIDTH,
    height: HEIGHT,
    lines,
    promise: y(promise),
    bars,
    most: Math.max(0, ...minutes.map(({ told }) => told)),
  };
}

// A minute alone is a short dash: a line needs two points.
function pathOf(values: (number | null)[], x: (at: number) => number, y: (value: number) => number): string {
  const parts = values.map((value, at) => {
    if (value === null) return "";
    const begins = (values[at - 1] ?? null) === null;
    const alone = begins && (values[at + 1] ?? null) === null;
    return alone ? `M${round(x(at) - 2)} ${y(value)}h4` : `${begins ? "M" : "L"}${x(at)} ${y(value)}`;
  });
  return parts.join("");
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
