import type { Request, Response } from "express";
import type { Metrics } from "../metrics.ts";
import type { StreamEvent } from "./frames.ts";

/** Why a stream ended, as the log and the metrics say it. */
export type StreamEnd = "client" | "slow" | "stalled" | "signed-out" | "renewed" | "replaced" | "age" | "deploy";

const MOST_WAITING = 1_000_000;
const STALLED_MS = 27_000;
const LINGER_MS = 5000;
const HEAD = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "private, no-cache, no-store, no-transform",
  "X-Accel-Buffering": "no",
};

/**
 * The bytes of one stream: better-sse formats the events, this makes writing them safe. It builds no fetch Request and
 * Response, holds no timer for a reader that reads, cuts one that does not, and knows from its first moment whether the client is gone.
 */
export class Connection {
  readonly openedAt = Date.now();
  sent = 0;
  ended: StreamEnd | null = null;
  readonly #res: Response;
  readonly #metrics: Metrics;
  readonly #onEnd: (reason: StreamEnd) => void;
  /** Bytes in all: what was written here, what of it belonged to the opening, and what was taken at the last look. */
  #written = 0;
  #opening: number | null = null;
  #taken = 0;
  #tookAt = 0;

  /** @param onEnd called once, when the stream has ended for whatever reason */
  constructor(req: Request, res: Response, metrics: Metrics, onEnd: (reason: StreamEnd) => void) {
    this.#res = res;
    this.#metrics = metrics;
    this.#onEnd = onEnd;
    req.socket.setNoDelay(true);
    req.socket.setKeepAlive(true, 30_000);
    res.once("close", () => this.#finish("client"));
    if (res.closed || req.socket.destroyed) this.#finish("client");
  }

  /** The bytes that the socket has not taken yet. */
  get waiting(): number {
    return this.#res.writableLength;
  }

  /** Sends the head; from then on events may be sent. The stream ends with its connection, so it needs no chunks. */
  open(): void {
    if (this.ended) return;
    this.#res.useChunkedEncodingByDefault = false;
    this.#res.writeHead(200, HEAD);
  }

  get settled(): boolean {
    return this.#opening !== null;
  }

  /** All that the stream opens with has been written: what it missed may be large, and is not held against its reader. */
  settle(): void {
    this.#opening ??= this.#written;
  }

  /** Writes a formatted event, or several. A reader is cut before more than a megabyte waits for it: it comes back with its cursor. */
  send(event: StreamEvent, bytes: string | Buffer): void {
    if (this.ended) return;
    const size = Buffer.byteLength(bytes);
    const taken = this.#written - this.waiting;
    const unread = this.#written - Math.max(taken, this.#opening ?? this.#written);
    if (unread > 0 && unread + size > MOST_WAITING) return this.cut("slow");
    if (taken === this.#written) this.#tookAt = Date.now();
    this.#written += size;
    this.#res.write(bytes);
    this.sent += 1;
    this.#metrics.sent(event);
  }

  /** To be called every second: cuts a reader that has taken nothing of what waits for half a minute. */
  look(now: number): void {
    const taken = this.#written - this.waiting;
    if (taken === this.#written || taken > this.#taken) this.#tookAt = now;
    this.#taken = taken;
    if (now - this.#tookAt > STALLED_MS) this.cut("stalled");
  }

  /** Ends the stream in good order, after a last event. */
  end(reason: StreamEnd, event?: StreamEvent, bytes?: string): void {
    if (event && bytes) this.send(event, bytes);
    if (this.ended) return;
    this.#finish(reason);
    this.#res.end();
    // A reader that does not read would hold the connection, and what waits for it, for ever.
    const last = setTimeout(() => this.#res.destroy(), LINGER_MS).unref();
    this.#res.once("close", () => clearTimeout(last));
  }

  /** Ends it at once, and lets go of what waits. */
  cut(reason: StreamEnd): void {
    if (this.ended) return;
    this.#finish(reason);
    this.#res.destroy();
  }

  #finish(reason: StreamEnd): void {
    if (this.ended) return;
    this.ended = reason;
    this.#metrics.streamEnds.inc({ reason });
    this.#onEnd(reason);
  }
}
