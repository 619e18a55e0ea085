// The connection to the stream. It knows no page: it speaks by plain messages alone, so that it can run in a worker too.
import { Absence } from "./absence.js";
import { Asking, askFor } from "./asking.js";
import { Backoff } from "./backoff.js";
import { Place } from "./place.js";
import { Timers } from "./timers.js";
import { Vigil } from "./vigil.js";

const GRACE = 2_000;

/**
 * One stream, opened again whenever it is lost, each time from where it was; while there is none for longer, questions
 * from the same position. The browser's own reconnect is not used: it gives up after any answer but 200, and forgets the
 * cursor with it.
 */
export class Connection {
  /** @type {import("./stream.js").Surroundings} */ #around;
  #tell;
  #state = "connecting";
  #place;
  #timers;
  #vigil;
  #backoff;
  #asking;
  #url = "";
  #reader = "";
  #reachable = true;
  #paused = false;
  #absence = new Absence();
  /** Goes up whenever a connection or the wait for one ends. */
  #era = 0;
  #greetings = 0;

  /**
   * @param {import("./stream.js").Surroundings} around globalThis, or a test's
   * @param {(message: import("./stream.js").Message) => void} tell is given every message
   */
  constructor(around, tell) {
    this.#around = around;
    this.#tell = tell;
    this.#place = new Place(tell);
    this.#timers = new Timers(around);
    this.#vigil = new Vigil(around, this.#timers, {
      fragment: (name, id, data) => this.#take(name, id, data),
      tidings: (name, data) => this.#hear(name, data),
      failed: (refused) => this.#fail(refused),
      silent: (since) => this.#fallSilent(since),
    });
    this.#backoff = new Backoff(() => around.Math.random());
    this.#asking = new Asking(this.#timers, () => this.#ask());
  }

  /**
   * Connects, the first time; afterwards it is the same as wake().
   * @param {string} url the stream
   * @param {import("./stream.js").Position} start what the page shows
   * @param {string} [reader] whose page it is: what is meant for somebody else is never passed on
   */
  open(url, start, reader = "") {
    if (this.#url) return this.wake();
    this.#url = url;
    this.#reader = reader;
    this.#place.set(start.cursor, start.at);
    this.#miss();
    this.#connect();
  }

  /** Connects at once unless the stream is live: somebody looks at the page, or the network is back. */
  wake() {
    if (!this.#url || this.#state === "signed-out") return;
    if (this.#vigil.isTrusted) return;
    this.#backoff.reset();
    if (this.#paused) this.#miss();
    this.#lose(0);
  }

  /** @param {boolean} online what the browser says of the network */
  setOnline(online) {
    this.#reachable = online;
    if (online) this.wake();
    this.#tellState();
  }

  /** Lets go of the connection until the next wake(). */
  pause() {
    this.#close();
    this.#asking.stop();
    this.#paused = true;
  }

  /**
   * Ends for good: the server does not know this reader any more.
   * @param {"another"} [reason] somebody else has signed in in this browser
   */
  signOut(reason) {
    if (this.#state === "signed-out") return;
    this.pause();
    this.#setState("signed-out", reason);
  }

  #connect() {
    this.#close();
    this.#vigil.open(this.#url, this.#place);
  }

  #take(name, id, data) {
    // An answer may have brought it while the stream was still being opened.
    const again = name === "toast" && Number(id) <= this.#place.cursor;
    this.#tell({ type: "event", name: again ? "quiet" : name, id, data });
    // What brings no toast may have a number as well. An EventSource repeats the last one for what has none.
    if (name === "toast" || name === "inbox") this.#place.advance(Number(id));
  }

  #hear(name, data) {
    if (name === "hello") return this.#greet(data);
    if (name === "heartbeat") return this.#beat(data);
    if (name === "signed-out") return this.signOut();
    if (Number.isFinite(data.reconnect)) this.#lose(data.reconnect);
    else this.#fail(false);
  }

  #greet({ state, replayed, last, user, retry }) {
    if (!this.#isFor(user)) return this.signOut("another");
    this.#greetings += 1;
    this.#vigil.greeted();
    this.#reachable = true;
    this.#asking.stop();
    this.#backoff.setFirst(retry);
    this.#absence.greeted({ state, last });
    // After a reset the numbers may start lower; the page is told, and reads its inbox again.
    const all = state !== "resumed" || replayed === 0;
    this.#place.set(all && Number.isInteger(last) ? last : this.#place.cursor);
    this.#tell({ type: "hello", state, replayed, last });
    this.#tellState();
  }

  // The first beat comes when all that was missed has been sent.
  #beat({ last, at }) {
    this.#place.advance(0, at);
    const back = this.#absence.settle(this.#place.cursor, this.#vigil.since);
    if (back) this.#tell(back);
    const isBehind = () => last > this.#place.cursor;
    if (isBehind()) this.#timers.after("gap", GRACE, () => isBehind() && this.#lose(0));
  }

  async #fail(refused) {
    if (this.#vigil.isSteady) this.#backoff.reset();
    const pause = this.#backoff.next();
    this.#drop();
    const era = this.#era;
    // A stream does not say with which status it was refused; the answer to a question does.
    if (refused) await this.#ask();
    if (era === this.#era) this.#lose(pause);
  }

  #lose(pause) {
    this.#drop();
    this.#timers.after("retry", pause, () => this.#connect());
  }

  #drop() {
    const { live } = this.#vigil;
    this.#close();
    if (live) this.#miss();
    this.#tellState();
  }

  // From now on there is no stream, and before long questions are asked instead.
  #miss() {
    this.#paused = false;
    this.#absence.begin(this.#now(), this.#place.cursor);
    this.#asking.startSoon(() => this.#tellState());
  }

  async #ask() {
    const [era, greetings] = [this.#era, this.#greetings];
    const answer = await askFor(this.#around, this.#url, this.#place);
    // A stream that has come meanwhile brings the same.
    if (this.#paused || greetings !== this.#greetings) return;
    if (answer.outcome === "signed-out") return era === this.#era && this.signOut();
    this.#reachable = answer.outcome === "answer";
    if (this.#reachable) this.#read(answer);
    this.#tellState();
  }

  #read({ reader, html, cursor, at }) {
    if (!this.#isFor(reader)) return this.signOut("another");
    if (html) this.#tell({ type: "event", name: "missed", id: String(cursor), data: html });
    this.#place.advance(cursor, at);
  }

  #isFor(reader) {
    return this.#reader === "" || !reader || String(reader) === this.#reader;
  }

  #fallSilent(since) {
    this.#absence.begin(since, this.#place.cursor);
    this.#lose(0);
  }

  #close() {
    this.#era += 1;
    this.#timers.cancel("gap", "retry");
    this.#vigil.close();
  }

  #tellState() {
    const waiting = this.#asking.begun ? "polling" : "connecting";
    this.#setState(this.#vigil.live ? "live" : this.#reachable ? waiting : "offline");
  }

  #setState(state, reason) {
    if (state === this.#state || this.#state === "signed-out") return;
    this.#state = state;
    this.#tell({ type: "state", state, reason, since: this.#absence.since ?? this.#now() });
  }

  #now() {
    return this.#around.Date.now();
  }
}
