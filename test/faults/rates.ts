import { setTimeout as pause } from "node:timers/promises";

/** Does something so many times a second until a moment. */
export async function atRate(perSecond: number, end: number, act: () => Promise<void>): Promise<void> {
  const began = performance.now();
  const running = new Set<Promise<void>>();
  for (let n = 1; Date.now() < end; n += 1) {
    const one = act().finally(() => running.delete(one));
    running.add(one);
    await pause(Math.max(0, began + (n * 1000) / perSecond - performance.now()));
  }
  await Promise.all(running);
}

/** How much a straight line through the values rises from each to the next. */
export function slopeOf(values: number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const rise = values.reduce((sum, value, n) => sum + (n - middle) * (value - mean), 0);
  return rise / values.reduce((sum, _, n) => sum + (n - middle) ** 2, 0);
}
