import { holdWhileAlive, whenGone } from "./living.js";
import { Tabs } from "./tabs.js";

const ANSWERS_WITHIN = 5_000;
const NOTICEABLE = 3_000;

/** @typedef {{ type: "back", away: number, missed: number }} Back an absence is over and all of it is here (ms, count) */

/**
 * A tab's end of the connection that all tabs of its reader share. Where there is no SharedWorker, or it does not
 * answer, the same code runs in the tab.
 */
export class Link {
  #reader;
  #start;
  #position;
  #tell;
  #url = "";
  /** @type {MessagePort | null} */ #port = null;
  #own = null;
  #heard = false;
  #over = false;
  #alive = holdWhileAlive();

  /**
   * @param {string} reader whose page it is
   * @param {import("./stream.js").Position} start what the page shows
   * @param {(message: import("./stream.js").Message | Back) => void} tell is given every message
   */
  constructor(reader, start, tell) {
    this.#reader = reader;
    this.#start = start;
    this.#position = start;
    this.#tell = tell;
  }

  /** Joins, the first time; afterwards it is the same as wake(). @param {string} url the stream */
  open(url) {
    if (this.#url) return this.wake();
    this.#url = url;
    this.#join(this.#shared() ?? this.#inTab());
  }

  /** Somebody wants it live now. */
  wake() {
    if (this.#over || !this.#url) return;
    if (this.#port) this.#port.postMessage({ type: "wake" });
    else this.#join(this.#shared() ?? this.#inTab());
  }

  /** @param {boolean} visible whether the reader sees this tab */
  look(visible) {
    this.#port?.postMessage({ type: "look", visible });
    if (visible) this.wake();
  }

  /** @param {boolean} online what the browser says of the network */
  setOnline(online) {
    this.#port?.postMessage({ type: "online", online });
  }

  /** Leaves until the next wake(). */
  pause() {
    this.#port?.postMessage({ type: "leave" });
    this.#port = null;
  }

  /** Ends it for all tabs: the server does not know this reader any more. */
  signOut() {
    this.#port?.postMessage({ type: "sign-out" });
  }

  #join(port) {
    this.pause();
    this.#port = port;
    this.#heard = false;
    port.onmessage = ({ data }) => port === this.#port && this.#hear(data);
    const [url, reader, start] = [this.#url, this.#reader, this.#position];
    port.postMessage({ type: "join", url, reader, start, visible: !document.hidden });
    void this.#alive.then((name) => port.postMessage({ type: "alive", name }));
  }

  #shared() {
    if (!globalThis.SharedWorker) return null;
    const name = `stockbell-${this.#reader}`;
    try {
      const worker = new SharedWorker(new URL("./shared.js", import.meta.url), { type: "module", name });
      const giveUp = () => this.#port === worker.port && !this.#heard && this.#join(this.#inTab());
      worker.onerror = giveUp;
      setTimeout(giveUp, ANSWERS_WITHIN);
      return worker.port;
    } catch {
      return null;
    }
  }

  #inTab() {
    const { port1, port2 } = new MessageChannel();
    this.#own ??= new Tabs(globalThis);
    this.#own.add(port2);
    return port1;
  }

  #hear(message) {
    this.#heard = true;
    if (message.type === "alive") return this.#watch(this.#port, message.name);
    if (message.type === "position") this.#position = { cursor: message.cursor, at: message.at };
    if (message.type === "back") return this.#come(message);
    this.#over = message.state === "signed-out";
    this.#tell(message);
  }

  #watch(port, name) {
    whenGone(name, () => {
      if (this.#port !== port || this.#over) return;
      this.#port = null;
      this.wake();
    });
  }

  // What was missed before this page was made is not missed here.
  #come({ away, after, last }) {
    const here = Math.min(away, Date.now() - performance.timeOrigin);
    if (here < NOTICEABLE) return;
    this.#tell({ type: "back", away: here, missed: Math.max(0, last - Math.max(after, this.#start.cursor)) });
  }
}
