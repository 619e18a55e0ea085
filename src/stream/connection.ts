import type { Request, Response } from "express";
import type { Metrics } from "../metrics.ts";
import type { StreamEvent } from "./frames.ts";

/** Why a stream ended, as the log and the metrics say it. */
export type StreamEnd = "client" | "slow" | "stalled" | "signed-out" | "renewed" | "replaced" | "age" | "deploy";

const MOST_QUEUED = 1_000_000;
const HEAD = {
  "Content-Type": "text/event-stream; charset=utf-8",
  "Cache-Control": "private, no-cache, no-store, no-transform",
  "X-Accel-Buffering": "no",
};

/**
 * The bytes of one stream: better-sse formats the events, this makes writing them safe. It builds no fetch Request and
 * Response, holds no timer, cuts a reader that does not read, and knows from its first moment whether the client is gone.
 */
export class Connection {
  readonly openedAt = Date.now();
  sent = 0;
  ended: StreamEnd | null = null;
  readonly #res: Response;
  readonly #metrics: Metrics;
  readonly #onEnd: (reason: StreamEnd) => void;
  #waiting = 0;

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

  /** Sends the head; from then on events may be sent. The stream ends with its connection, so it needs no chunks. */
  open(): void {
    if (this.ended) return;
    this.#res.useChunkedEncodingByDefault = false;
    this.#res.writeHead(200, HEAD);
  }

  /** Writes a formatted event, or several. A reader with a megabyte waiting is cut: it comes back with its cursor. */
  send(event: StreamEvent, bytes: string | Buffer): void {
    if (this.ended) return;
    this.#res.write(bytes);
    this.sent += 1;
    this.#metrics.sent.inc({ event });
    if (this.#res.writableLength > MOST_QUEUED) this.cut("slow");
  }

  /** Called with each heartbeat: what waits since the last one and has not moved is a reader that is gone. */
  cutIfStalled(): void {
    const waiting = this.#res.writableLength;
    if (waiting > 0 && waiting >= this.#waiting && this.#waiting > 0) return this.cut("stalled");
    this.#waiting = waiting;
  }

  /** Ends the stream in good order, after a last event. */
  end(reason: StreamEnd, event?: StreamEvent, bytes?: string): void {
    if (this.ended) return;
    if (event && bytes) this.send(event, bytes);
    this.#finish(reason);
    this.#res.end();
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
