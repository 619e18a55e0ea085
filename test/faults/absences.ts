import type { Reader } from "./reader.ts";

/** How long a reader was without a stream, each time that it was, in ms. The time before its first stream is none. */
export function absencesOf({ states }: Reader): number[] {
  const found: number[] = [];
  let since: number | null = null;
  for (const { state, at } of states.slice(states.findIndex((first) => first.state === "live"))) {
    if (state !== "live") since ??= at;
    else if (since !== null) {
      found.push(at - since);
      since = null;
    }
  }
  return found;
}
