// All tabs of one reader in this browser, over one connection. Runs in a SharedWorker, or for a single tab in its page.
import { askFor } from "./asking.js";
import { Connection } from "./connection.js";
import { Recent } from "./recent.js";

const SKEW = 10_000;
const MOST_WAITING = 200;
const NEWS = ["toast", "missed"];

/**
 * @typedef {{ type: "join", url: string, reader: string, start: import("./stream.js").Position, visible: boolean }
 *   | { type: "look", visible: boolean } | { type: "online", online: boolean }
 *   | { type: "wake" } | { type: "sign-out" } | { type: "leave" }} Request what a tab says
 */

/**
 * Each event goes to every tab, its toast to one: to the visible tab that was looked at last. While none is visible
 * toasts wait for the first that will be. Whoever was told that they are signed out is told nothing more.
 */
export class Tabs {
  #around;
  /** @type {Map<MessagePort, { visible: boolean, looked: number }>} */ #tabs = new Map();
  #connection = null;
  #recent = new Recent();
  #waiting = [];
  #state = null;
  #position = null;
  #looks = 0;

  /** @param {import("./stream.js").Surroundings} around */
  constructor(around) {
    this.#around = around;
  }

  /** @param {MessagePort} port a tab's */
  add(port) {
    port.onmessage = ({ data }) => this.#hear(port, data);
  }

  /** A tab is gone, whether or not it said so. */
  remove(port) {
    this.#tabs.delete(port);
    port.onmessage = null;
    if (this.#tabs.size === 0) this.#connection?.pause();
  }

  /** @param {MessagePort} port @param {Request} request */
  #hear(port, request) {
    if (request.type === "join") return this.#join(port, request);
    if (request.type === "leave") return this.remove(port);
    if (request.type === "look") return this.#look(port, request.visible);
    if (request.type === "online") this.#connection?.setOnline(request.online);
    if (request.type === "wake") this.#connection?.wake();
    if (request.type === "sign-out") this.#connection?.signOut();
  }

  #join(port, { url, reader, start, visible }) {
    const first = !this.#connection;
    this.#tabs.set(port, { visible: false, looked: 0 });
    if (first) this.#begin(start);
    this.#connection.open(url, start, reader);
    if (!first) this.#welcome(port, url, start);
    this.#look(port, visible);
  }

  #begin(start) {
    this.#position = start;
    this.#state = null;
    this.#recent.begin(start);
    this.#connection = new Connection(this.#around, (message) => this.#tell(message));
  }

  /** Brings a tab that joins up to where the connection is: what it missed was news in another tab already. */
  async #welcome(port, url, start) {
    if (this.#state) port.postMessage(this.#state);
    port.postMessage({ type: "position", ...this.#position });
    const missed = this.#recent.since(start, SKEW);
    for (const event of missed ?? []) port.postMessage(NEWS.includes(event.name) ? { ...event, name: "quiet" } : event);
    if (missed) return;
    const answer = await askFor(this.#around, url, start);
    if (answer.html && this.#tabs.has(port)) {
      port.postMessage({ type: "event", name: "quiet", id: "", data: answer.html });
    }
  }

  #look(port, visible) {
    const tab = this.#tabs.get(port);
    if (!tab) return;
    tab.visible = visible;
    if (!visible) return;
    this.#looks += 1;
    tab.looked = this.#looks;
    for (const event of this.#waiting.splice(0)) port.postMessage({ ...event, name: "late" });
  }

  /** @param {import("./stream.js").Message} message */
  #tell(message) {
    if (message.type === "event") return this.#spread(message);
    if (message.type === "state") this.#state = message;
    if (message.type === "hello" && message.state === "reset") this.#recent.begin(this.#position);
    if (message.type === "position") this.#move(message);
    for (const port of this.#tabs.keys()) port.postMessage(message);
    if (message.state === "signed-out") this.#end();
  }

  #move({ cursor, at }) {
    const beats = at !== this.#position.at;
    this.#position = { cursor, at };
    if (beats) this.#recent.mark(this.#position);
  }

  #spread(event) {
    this.#recent.add(event);
    this.#forgetGone(event);
    const news = NEWS.includes(event.name);
    const shower = news ? this.#shower() : null;
    for (const port of this.#tabs.keys()) {
      port.postMessage(news && port !== shower ? { ...event, name: "quiet" } : event);
    }
    if (!news || shower) return;
    this.#waiting.push(event);
    if (this.#waiting.length > MOST_WAITING) this.#waiting.shift();
  }

  // A toast that waits is not to be shown once its notification has been taken back. What people typed has no quotes here.
  #forgetGone({ data }) {
    const gone = [...data.matchAll(/ data-gone="(\d+)"/g)].map(([, seq]) => seq);
    if (gone.length > 0) this.#waiting = this.#waiting.filter(({ id }) => !gone.includes(id));
  }

  #shower() {
    const visible = [...this.#tabs].filter(([, tab]) => tab.visible);
    visible.sort(([, one], [, other]) => other.looked - one.looked);
    return visible[0]?.[0] ?? null;
  }

  // Another tab may come with a new session of the same reader: that is a new beginning.
  #end() {
    this.#connection = null;
    this.#waiting = [];
    for (const port of [...this.#tabs.keys()]) this.remove(port);
  }
}
