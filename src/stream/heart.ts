import { frame } from "./frames.ts";
import type { Hub } from "./hub.ts";
import type { Stream } from "./stream.ts";

const HEARTBEAT_MS = 15_000;
const TICK_MS = 250;

/**
 * One wheel beats for all streams, spread over the interval: all at once would hold up everything else. With its beat
 * each stream is looked over: is it too old?
 * @returns stop()
 */
export function startHeart(hub: Hub): () => void {
  let turn = hub.streams.values();
  let due = 0;
  const timer = setInterval(() => {
    due += (hub.streams.size * TICK_MS) / HEARTBEAT_MS;
    for (; due >= 1; due -= 1) {
      let next = turn.next();
      if (next.done) {
        turn = hub.streams.values();
        next = turn.next();
      }
      if (next.done) break;
      beat(hub, next.value);
    }
  }, TICK_MS);
  return () => clearInterval(timer);
}

function beat(hub: Hub, stream: Stream): void {
  if (!stream.opened) return;
  const now = Date.now();
  if (now > stream.endsAt) return hub.end(stream, "age", undefined, Math.floor(Math.random() * 1000));
  sendHeartbeat(hub, stream);
}

/** Tells a stream the latest number there is for it, and the time up to which it has been told of changes. */
export function sendHeartbeat(hub: Hub, stream: Stream): void {
  const last = hub.people.get(stream.userId)?.last ?? stream.cursor;
  stream.connection.send("heartbeat", frame("heartbeat", JSON.stringify({ last, at: new Date().toISOString() })));
}
