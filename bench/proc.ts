import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

/** The CPU that a process has used so far, in ms, all its threads together: the scheduler's own count. */
export function cpuMs(pid: number): number {
  let ns = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      // It ended between the two looks.
    }
  }
  return ns / 1e6;
}

/** What a process and its children have used so far, in ms; for Postgres, which has a process for each connection. */
export function treeCpuMs(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean);
  return cpuMs(pid) + children.reduce((sum, child) => sum + cpuMs(Number(child)), 0);
}

/** The memory that a process holds, in KiB, what it shares with others by its share. */
export function pssKib(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1]);
}

/** Microseconds on the machine's monotonic clock, which all its processes share. */
export function nowUs(): number {
  return Number(process.hrtime.bigint() / 1000n);
}

/** The CPU that something costs a process, in ms. */
export async function costOf(pid: number, run: () => Promise<unknown>): Promise<number> {
  const before = cpuMs(pid);
  await run();
  return cpuMs(pid) - before;
}

/** Calls something at an even rate, however long each call takes: who is slow does not slow the others. */
export async function atRate(perSecond: number, seconds: number, act: (n: number) => unknown): Promise<void> {
  const began = performance.now();
  const all = perSecond * seconds;
  for (let done = 0; done < all; await pause(1)) {
    const due = Math.min(all, Math.floor(((performance.now() - began) / 1000) * perSecond));
    for (; done < due; done += 1) void act(done);
  }
}

/** The value below which this share of the numbers lies. */
export function percentile(numbers: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(numbers).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** One after the other. */
export async function repeat(times: number, run: (n: number) => Promise<void>): Promise<void> {
  for (let n = 0; n < times; n += 1) await run(n);
}
