import type { Db } from "../db.ts";
import { chartOf } from "./charts.ts";
import { durationIn } from "./durations.ts";
import { PROMISE, readHealth } from "./health.ts";

/** How everything fares, read once, and as the views of a locale need it. */
export async function healthView(db: Db) {
  const health = await readHealth(db);
  const chart = chartOf(health.minutes, PROMISE.seconds);
  return (locale: string) => {
    const duration = durationIn(locale);
    // Never rounded up: 98.96 % is not what is promised.
    const shares = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 1, roundingMode: "floor" });
    return {
      health,
      chart,
      promise: PROMISE,
      version: health.at.getTime(),
      duration,
      share: (of: number) => shares.format(of),
      /** A time in seconds, in words. */
      took: (seconds: number | null) =>
        seconds === null
          ? "–"
          : seconds === Number.POSITIVE_INFINITY
            ? `over ${duration(10_000)}`
            : duration(seconds * 1000),
    };
  };
}
