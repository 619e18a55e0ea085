import type { Response } from "express";

/** The head of a stream, beside what all answers have. */
export const STREAM_HEAD = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "private, no-cache, no-store, no-transform",
  "X-Accel-Buffering": "no",
  // It ends with its connection, so it needs no chunks.
  Connection: "close",
};

const STREAM_LINES = Object.entries(STREAM_HEAD)
  .map(([name, value]) => `${name}: ${value}\r\n`)
  .join("");

/** The bytes that a stream begins with: that all is well, its own head, and what has been set on its response. */
export function headOf(res: Response): string {
  const lines = [`HTTP/1.1 200 OK\r\nDate: ${new Date().toUTCString()}\r\n${STREAM_LINES}`];
  for (const name of res.getHeaderNames()) lines.push(`${name}: ${res.getHeader(name)}\r\n`);
  lines.push("\r\n");
  return lines.join("");
}
