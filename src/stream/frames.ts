import { createEventBuffer } from "better-sse";

export type StreamEvent = "hello" | "toast" | "inbox" | "market" | "oversight" | "heartbeat" | "signed-out" | "bye";

const asIs = { serializer: (data: unknown) => String(data) };

/**
 * One event as it goes over the wire. Every line of the data gets its own prefix, so that nothing people typed can
 * end a field, begin another, or forge an event; a line break of any kind arrives as "\n".
 * @param id the recipient's number; without one the browser's cursor stays where it is
 */
export function frame(event: StreamEvent, data: string, id?: number | string): string {
  const buffer = createEventBuffer(asIs).event(event);
  if (id !== undefined) buffer.id(String(id));
  // The space keeps a line's own first space: a parser takes one away.
  for (const line of data.split(/\r\n|\r|\n/)) buffer.data(` ${line}`);
  return buffer.dispatch().read();
}

/** How long to wait before coming back, in milliseconds: random, so that nobody does in step. */
export function randomRetry(): number {
  return 1000 + Math.floor(Math.random() * 4000);
}

/** The same for an EventSource as browsers have it. */
export function retryFrame(ms: number): string {
  return createEventBuffer(asIs).retry(ms).dispatch().read();
}
