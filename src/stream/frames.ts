import { createEventBuffer } from "better-sse";

export type StreamEvent = "hello" | "toast" | "inbox" | "market" | "oversight" | "heartbeat" | "signed-out" | "bye";

// What is written is prepared below: lines without breaks, to be taken as they are.
const asIs = { serializer: (data: unknown) => String(data), sanitizer: (text: string) => text };
const BREAK = /\r\n|\r|\n/;
const BREAKS = new RegExp(BREAK, "g");

/**
 * One event as it goes over the wire. Every line of the data gets its own prefix, so that nothing people typed can
 * end a field, begin another, or forge an event; a line break of any kind arrives as "\n".
 * @param id the recipient's number; without one the browser's cursor stays where it is
 */
export function frame(event: StreamEvent, data: string, id?: number | string): string {
  const buffer = createEventBuffer(asIs).event(event);
  if (id !== undefined) buffer.id(String(id));
  // The space keeps a line's own first space: a parser takes one away.
  if (BREAK.test(data)) for (const line of data.split(BREAK)) buffer.data(` ${line}`);
  else buffer.data(` ${data}`);
  return buffer.dispatch().read();
}

/**
 * An event that is sent over and over, formatted once.
 * @returns the frame for its data, which must be of our own making and have no line break
 */
export function framed(event: StreamEvent): (line: string) => string {
  const [before, after] = frame(event, "|").split("|");
  return (line) => before + line + after;
}

/** Text as it is to stand in a frame that is made already. */
export function inFrame(text: string): string {
  return text.replace(BREAKS, "\ndata: ");
}

/** How long to wait before coming back, in milliseconds: random, so that nobody does in step. */
export function randomRetry(): number {
  return 1000 + Math.floor(Math.random() * 4000);
}

const RETRY = createEventBuffer(asIs).retry(0).dispatch().read().split("0");

/** The same for an EventSource as browsers have it. */
export function retryFrame(ms: number): string {
  return RETRY.join(String(ms));
}
