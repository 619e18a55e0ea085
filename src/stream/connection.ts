import type { Socket } from "node:net";
import type { Request, Response } from "express";
import type { Metrics } from "../metrics.ts";
import type { StreamEvent } from "./frames.ts";
import { headOf } from "./head.ts";
import { writeInTurn } from "./writing.ts";

/** Why a stream ended, as the log and the metrics say it. */
export type StreamEnd = "client" | "slow" | "stalled" | "signed-out" | "renewed" | "replaced" | "age" | "deploy";

const MOST_WAITING = 1_000_000;
const STALLED_MS = 27_000;
const LINGER_MS = 5000;
const MOST_HELD = 16_000;

const streamSockets = new WeakSet<Socket>();

/** Whether a socket has become a stream's: a further request on it has no place to be answered. */
export function isStreams(socket: Socket): boolean {
  return streamSockets.has(socket);
}

/**
 * The bytes of one stream: better-sse formats the events, this makes writing them safe. Once its head is out it is a
 * socket and nothing else: request and response, and whatever hangs on them, would be four times what it needs. It holds
 * no timer for a reader that reads, cuts one that does not, and knows from its first moment whether the client is gone.
 */
export class Connection {
  readonly openedAt = Date.now();
  sent = 0;
  ended: StreamEnd | null = null;
  readonly #socket: Socket;
  readonly #metrics: Metrics;
  readonly #lagging: Set<Connection>;
  readonly #onEnd: (reason: StreamEnd) => void;
  /** Until the head is out. */
  #res: Response | null;
  /** What is sent in one turn, gathered to go out as one. */
  #held: Buffer | null = null;
  /** Bytes in all: what was written here, what of it belonged to the opening, and what was taken at the last look. */
  #written = 0;
  #opening: number | null = null;
  #taken = 0;
  #tookAt = this.openedAt;

  /**
   * @param shared.lagging holds the connections for which something waits: they are to be looked at
   * @param onEnd called once, when the stream has ended for whatever reason
   */
  constructor(
    { socket }: Request,
    res: Response,
    shared: { metrics: Metrics; lagging: Set<Connection> },
    onEnd: (reason: StreamEnd) => void,
  ) {
    this.#socket = socket;
    this.#res = res;
    this.#metrics = shared.metrics;
    this.#lagging = shared.lagging;
    this.#onEnd = onEnd;
    socket.on("close", () => this.#finish("client"));
    // Until it is open somebody else may answer in its stead, such as that it takes too long.
    res.once("close", () => this.#res && this.#finish("client"));
    if (res.closed || socket.destroyed) this.#finish("client");
  }

  /** The head is out. */
  get begun(): boolean {
    return this.#res === null;
  }

  /** The bytes that the socket has not taken yet. */
  get waiting(): number {
    return this.#socket.writableLength + (this.#held?.length ?? 0);
  }

  /** Takes the socket from its response and sends the head; from then on events may be sent. */
  open(): void {
    const res = this.#res;
    if (this.ended || !res) return;
    // That it takes too long has been answered a moment ago.
    if (res.headersSent) return this.#finish("client");
    this.#res = null;
    streamSockets.add(this.#socket);
    this.#hold(Buffer.from(headOf(res)));
    letGo(res);
    // What Node sets for a connection that waits for its next request.
    this.#socket.setTimeout(0);
  }

  get settled(): boolean {
    return this.#opening !== null;
  }

  /** All that the stream opens with has been written: what it missed may be large, and is not held against its reader. */
  settle(): void {
    this.#opening ??= this.#written;
  }

  /**
   * Sends a formatted event, or several, by the end of this turn. A reader is cut before more than a megabyte waits for it:
   * it comes back with its cursor.
   */
  send(event: StreamEvent, bytes: string | Buffer): void {
    if (this.ended) return;
    // Made into bytes here, once: Node would count them and make them itself.
    const chunk = typeof bytes === "string" ? Buffer.from(bytes) : bytes;
    const taken = this.#written - this.waiting;
    const unread = this.#written - Math.max(taken, this.#opening ?? this.#written);
    if (unread > 0 && unread + chunk.length > MOST_WAITING) return this.cut("slow");
    this.#written += chunk.length;
    this.#hold(chunk);
    this.sent += 1;
    this.#metrics.sent(event);
  }

  /** Writes what is held. */
  release(): void {
    const held = this.#held;
    this.#held = null;
    if (held === null || this.#socket.destroyed) return;
    this.#socket.write(held);
    // As a rule the kernel has taken it all by now.
    if (this.#socket.writableLength === 0 || this.#lagging.has(this)) return;
    this.#tookAt = Date.now();
    this.#lagging.add(this);
  }

  /** To be called every second while it lags: cuts a reader that has taken nothing of what waits for half a minute. */
  look(now: number): void {
    const taken = this.#written - this.waiting;
    if (taken === this.#written) this.#lagging.delete(this);
    if (taken === this.#written || taken > this.#taken) this.#tookAt = now;
    this.#taken = taken;
    if (now - this.#tookAt > STALLED_MS) this.cut("stalled");
  }

  /** Ends the stream in good order, after a last event: with its head before, if it was still being opened. */
  end(reason: StreamEnd, event: StreamEvent, bytes: string): void {
    this.open();
    this.send(event, bytes);
    if (this.ended) return;
    this.release();
    this.#finish(reason);
    this.#socket.end();
    // A reader that does not read would hold the connection, and what waits for it, for ever.
    const last = setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
    this.#socket.once("close", () => clearTimeout(last));
  }

  /** Ends it at once, and lets go of what waits. */
  cut(reason: StreamEnd): void {
    if (this.ended) return;
    this.#finish(reason);
    this.#socket.destroy();
  }

  #hold(bytes: Buffer): void {
    if (this.#held === null) {
      this.#held = bytes;
      return writeInTurn(this);
    }
    this.#held = Buffer.concat([this.#held, bytes]);
    // To gather more of it would be to copy it over and over.
    if (this.#held.length > MOST_HELD) this.release();
  }

  #finish(reason: StreamEnd): void {
    if (this.ended) return;
    this.ended = reason;
    this.#lagging.delete(this);
    this.#metrics.streamEnds.inc({ reason });
    this.#onEnd(reason);
  }
}

/**
 * Tells Node's HTTP server, and all that the request has passed, that the exchange is over, as it is told when a response
 * has been sent: the socket stays, and nothing else is kept.
 */
function letGo(res: Response): void {
  res.emit("finish");
}
