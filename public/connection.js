// The connection to the stream. It knows no page: it speaks by plain messages alone, so that it can run in a worker too.
import { Backoff } from "./backoff.js";
import { isSignedOut, openStream } from "./stream.js";
import { Timers } from "./timers.js";

const HEARTBEAT = 15_000;
const SILENCE = 2.5 * HEARTBEAT;
const PATIENCE = 5_000;
const STEADY = 10_000;
const GRACE = 2_000;

/**
 * One stream, opened again whenever it is lost, each time from where it was. The browser's own reconnect is not used:
 * it gives up after any answer but 200, and forgets the cursor with it.
 */
export class Connection {
  /** @type {import("./stream.js").Surroundings} */ #around;
  #tell;
  #source = null;
  #state = "connecting";
  #position = { cursor: 0, at: "" };
  #timers;
  #backoff;
  #url = "";
  #live = false;
  #impatient = false;
  #reachable = true;
  #since = 0;
  #heardAt = 0;
  /** Goes up whenever a connection or the wait for one ends. */
  #era = 0;

  /**
   * @param {import("./stream.js").Surroundings} around globalThis, or a test's
   * @param {(message: import("./stream.js").Message) => void} tell is given every message
   */
  constructor(around, tell) {
    this.#around = around;
    this.#tell = tell;
    this.#timers = new Timers(around);
    this.#backoff = new Backoff(() => around.Math.random());
  }

  /**
   * Connects, the first time; afterwards it is the same as wake().
   * @param {string} url the stream
   * @param {{ cursor: number, at: string }} start the last number that the page shows, and the server's time at which
   *   the page was made (ISO)
   */
  open(url, start) {
    if (this.#url) return this.wake();
    this.#url = url;
    this.#position = start;
    this.#losePatienceSoon();
    this.#connect();
  }

  /** Connects at once unless the stream is live: somebody looks at the page, or the network is back. */
  wake() {
    if (!this.#url || this.#state === "signed-out") return;
    const now = this.#around.Date.now();
    if (this.#source && (this.#live ? now - this.#heardAt < SILENCE : now - this.#since < 1000)) return;
    this.#backoff.reset();
    this.#lose(0);
  }

  /** @param {boolean} online what the browser says of the network */
  setOnline(online) {
    this.#reachable = online;
    if (online) this.wake();
    this.#tellState();
  }

  /** @param {boolean} answered whether the server answered when it was asked for what the stream would have brought */
  notePoll(answered) {
    this.#reachable = answered;
    this.#tellState();
  }

  /** Everything up to this number has been shown, and what changed up to this time. Numbers never go back here. */
  moveTo(cursor, at) {
    this.#setPosition(Math.max(this.#position.cursor, cursor || 0), at);
  }

  /** Lets go of the connection until the next wake(). */
  pause() {
    this.#close();
  }

  /** Ends for good: the server does not know this reader any more. */
  signOut() {
    if (this.#state === "signed-out") return;
    this.#close();
    this.#timers.cancelAll();
    this.#state = "signed-out";
    this.#tell({ type: "state", state: "signed-out" });
  }

  #connect() {
    this.#close();
    this.#since = this.#around.Date.now();
    this.#source = openStream(this.#around, this.#url, this.#position, {
      fragment: (name, id, data) => {
        this.#watch();
        this.#tell({ type: "event", name, id, data });
        if (name === "toast") this.moveTo(Number(id));
      },
      tidings: (name, data) => this.#hear(name, data),
      failed: (refused) => this.#fail(refused),
    });
    this.#watch();
  }

  #hear(name, data) {
    this.#watch();
    if (name === "hello") return this.#greet(data);
    if (name === "heartbeat") return this.#beat(data);
    if (name === "signed-out") return this.signOut();
    if (Number.isFinite(data.reconnect)) this.#lose(data.reconnect);
    else this.#fail(false);
  }

  #greet({ state, replayed, last }) {
    this.#live = true;
    this.#impatient = false;
    this.#reachable = true;
    this.#since = this.#around.Date.now();
    this.#timers.cancel("patience");
    // After a reset the numbers may start lower; the page is told, and reads its inbox again.
    const all = state !== "resumed" || replayed === 0;
    this.#setPosition(all && Number.isInteger(last) ? last : this.#position.cursor);
    this.#tell({ type: "hello", state, replayed, last });
    this.#tellState();
  }

  #beat({ last, at }) {
    this.moveTo(0, at);
    const isBehind = () => last > this.#position.cursor;
    if (isBehind()) this.#timers.after("gap", GRACE, () => isBehind() && this.#lose(0));
  }

  #setPosition(cursor, at) {
    this.#position = { cursor, at: at || this.#position.at };
    this.#tell({ type: "position", ...this.#position });
  }

  async #fail(refused) {
    if (this.#live && this.#around.Date.now() - this.#since >= STEADY) this.#backoff.reset();
    const pause = this.#backoff.next();
    this.#drop();
    if (refused || this.#backoff.failures % 3 === 0) {
      const era = this.#era;
      const signedOut = await isSignedOut(this.#around, this.#url, this.#position.cursor);
      if (era !== this.#era) return;
      if (signedOut) return this.signOut();
    }
    this.#lose(pause);
  }

  #lose(pause) {
    this.#drop();
    this.#timers.after("retry", pause, () => this.#connect());
  }

  #drop() {
    this.#close();
    if (this.#live) this.#losePatienceSoon();
    this.#live = false;
    this.#tellState();
  }

  #losePatienceSoon() {
    this.#timers.after("patience", PATIENCE, () => {
      this.#impatient = true;
      this.#tellState();
    });
  }

  // A half-open connection says nothing for ever: only the missing heartbeats tell.
  #watch() {
    this.#heardAt = this.#around.Date.now();
    this.#timers.after("silence", SILENCE, () => this.#fail(false));
  }

  #close() {
    this.#era += 1;
    this.#timers.cancel("silence", "gap", "retry");
    this.#source?.close();
    this.#source = null;
  }

  #tellState() {
    const waiting = this.#impatient ? "polling" : "connecting";
    const state = this.#live ? "live" : this.#reachable ? waiting : "offline";
    if (state === this.#state || this.#state === "signed-out") return;
    this.#state = state;
    this.#tell({ type: "state", state });
  }
}
