import { openStream } from "./stream.js";

const HEARTBEAT = 15_000;
const SILENCE = 2.5 * HEARTBEAT;
const GREETED_WITHIN = 10_000;
const STEADY = 1_000;

/**
 * Keeps watch over one stream at a time. A half-open connection says nothing for ever: only the missing greeting or
 * heartbeats tell.
 */
export class Vigil {
  /** @type {import("./stream.js").Surroundings} */ #around;
  #timers;
  #hear;
  #source = null;
  #heardAt = 0;
  /** When the stream was opened, and from its greeting on, when that came (ms). */
  since = 0;
  /** Whether the stream has greeted: before that nobody knows whose it is. */
  live = false;

  /**
   * @param {import("./stream.js").Surroundings} around
   * @param {import("./timers.js").Timers} timers
   * @param {Parameters<typeof openStream>[3] & { silent: (since: number) => void }} hear what openStream() reports of the
   *   stream, fragments only once it has greeted; silent: it has said nothing since then (ms) for too long
   */
  constructor(around, timers, hear) {
    this.#around = around;
    this.#timers = timers;
    this.#hear = hear;
  }

  /** Opens the stream from a position, instead of any other. */
  open(url, position) {
    this.close();
    this.since = this.#around.Date.now();
    const { fragment, tidings, failed } = this.#hear;
    this.#source = openStream(this.#around, url, position, {
      fragment: (name, id, data) => {
        this.#heard();
        if (this.live) fragment(name, id, data);
      },
      tidings: (name, data) => {
        this.#heard();
        tidings(name, data);
      },
      failed,
    });
    this.#heard();
  }

  /** The stream is ours. */
  greeted() {
    this.live = true;
    this.since = this.#around.Date.now();
    this.#heard();
  }

  close() {
    this.live = false;
    this.#timers.cancel("silence");
    this.#source?.close();
    this.#source = null;
  }

  /** Whether it may be trusted to speak when there is something to say. */
  get isTrusted() {
    const now = this.#around.Date.now();
    return this.#source !== null && (this.live ? now - this.#heardAt < SILENCE : now - this.since < 1000);
  }

  /** Whether it has been live long enough for a failure to be a new one. */
  get isSteady() {
    return this.live && this.#around.Date.now() - this.since >= STEADY;
  }

  #heard() {
    this.#heardAt = this.#around.Date.now();
    if (this.live) this.#timers.after("silence", SILENCE, () => this.#hear.silent(this.#heardAt));
    else this.#timers.after("silence", GREETED_WITHIN, () => this.#hear.failed(false));
  }
}
