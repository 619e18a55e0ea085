import type { Ring } from "../notifications/messages.ts";

/** Rings of an event that concerns no more than these wait for nobody. */
export const FEW = 20;
const AT_ONCE = 250;

/**
 * To ring for ten thousand takes a while, in which others have something to be told as well: rings of an event that
 * concerns more than a few wait in line, and the events that wait take turns.
 * @param hear rings for some of them
 * @returns rings for all of these, which are of one event
 */
export function inLine(hear: (rings: Ring[]) => void): (rings: Ring[]) => void {
  const waiting = new Map<number, Ring[]>();

  return (rings) => {
    const [first] = rings;
    if (!first) return;
    if (rings.length <= FEW) return hear(rings);
    if (waiting.size === 0) setImmediate(next);
    waiting.set(first.eventId, [...(waiting.get(first.eventId) ?? []), ...rings]);
  };

  function next(): void {
    const [[eventId, rings] = [0, []]] = waiting;
    waiting.delete(eventId);
    hear(rings.splice(0, AT_ONCE));
    if (rings.length > 0) waiting.set(eventId, rings);
    if (waiting.size > 0) setImmediate(next);
  }
}
