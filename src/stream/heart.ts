import { framed } from "./frames.ts";
import type { Hub } from "./hub.ts";
import type { Stream } from "./stream.ts";
import { TURNS } from "./turns.ts";

const TICK_MS = 100;
const TICKS_TO_LOOK = 10;
const ROUND_MS = TURNS * TICK_MS;
const heartbeatFrame = framed("heartbeat");

/**
 * One wheel of a hundred and fifty turns beats for all streams, each in its own turn, so every 15 seconds: all at once would
 * hold up everything else, and a sixtieth of ten thousand still held up one notification in a hundred by 3 ms; but each
 * turn wakes the process, which costs as much as five heartbeats. However many come and go, nobody's turn moves. With its
 * beat each stream is looked over: is it too old, does its session run out? And every second, whether those readers for
 * whom something waits still take it.
 * @returns stop()
 */
export function startHeart(hub: Pick<Hub, "turns" | "end" | "lagging" | "expiring">): () => void {
  const began = performance.now();
  let done = 0;
  const timer = setInterval(() => {
    // Under load each tick comes late, and over hundreds of them that adds up to seconds: what is due is told by the clock.
    const due = Math.floor((performance.now() - began) / TICK_MS);
    const looks = Math.floor(due / TICKS_TO_LOOK) > Math.floor(done / TICKS_TO_LOOK);
    const now = Date.now();
    const heartbeat = prepareHeartbeat(now);
    for (let tick = Math.max(done + 1, due - TURNS + 1); tick <= due; tick += 1) {
      for (const stream of hub.turns.at(tick)) beat(hub, stream, now, heartbeat);
    }
    if (looks) for (const connection of hub.lagging) connection.look(now);
    done = due;
  }, TICK_MS);

  return () => clearInterval(timer);
}

function beat(
  hub: Pick<Hub, "end" | "expiring">,
  stream: Stream,
  now: number,
  heartbeat: (last: number) => Buffer,
): void {
  // Before that a heartbeat would say too early that all has been sent.
  if (!stream.connection.settled) return;
  if (now > stream.endsAt) return hub.end(stream, "age", undefined, Math.floor(Math.random() * 1000));
  if (!lastsOn(stream, now)) hub.expiring.add(stream);
  stream.connection.send("heartbeat", heartbeat(stream.person.last));
}

/** Whether a stream's session lasts beyond its next heartbeat, as far as is known; these may come a little late. */
export function lastsOn(stream: Stream, now: number): boolean {
  return stream.expiresAt > now + 2 * ROUND_MS;
}

/** Tells a stream the latest number there is for it, and the time up to which it has been told of changes. */
export function sendHeartbeat({ connection, person }: Stream): void {
  connection.send("heartbeat", prepareHeartbeat(Date.now())(person.last));
}

/** The heartbeat of a moment: only the number is left to be filled in, which is the same for many. */
function prepareHeartbeat(at: number): (last: number) => Buffer {
  const time = new Date(at).toISOString();
  const made = new Map<number, Buffer>();
  return (last) => {
    const known = made.get(last) ?? Buffer.from(heartbeatFrame(`{"last":${last},"at":"${time}"}`));
    made.set(last, known);
    return known;
  };
}
