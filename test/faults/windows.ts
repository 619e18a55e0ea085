import { setTimeout as pause } from "node:timers/promises";

/** What a process holds at a moment: MiB of memory, MiB of heap in use, descriptors. */
export type Look = { rss: number; heap: number; descriptors: number };
export type Window = Look & { p99: number };

const LOOKS = 30;

/**
 * Looks at a process until a moment. Of each window the least that it held: what it had not yet swept up is no leak.
 * @param p99Since of what happened from a moment on
 */
export async function watch(
  look: () => Promise<Look>,
  p99Since: (from: number) => number,
  windowMs: number,
  end: number,
): Promise<Window[]> {
  const windows: Window[] = [];
  while (Date.now() < end) {
    const from = Date.now();
    const looks: Look[] = [];
    while (Date.now() < from + windowMs) {
      looks.push(await look());
      await pause(windowMs / LOOKS);
    }
    const least = (name: keyof Look) => Math.min(...looks.map((one) => one[name]));
    const found = { rss: least("rss"), heap: least("heap"), descriptors: least("descriptors"), p99: p99Since(from) };
    windows.push(found);
  }
  return windows;
}
