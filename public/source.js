import { onlyToasts } from "./fragments.js";

// What may come in bursts. Of what says how something stands now the last one counts; toasts are all shown.
const PACED = ["toast", "inbox", "market", "quiet"];
const PACE = 100;

/**
 * Gives htmx its events from our connection. What it takes for an EventSource never reports an error nor that it is
 * closed: the extension would open others by itself, without the cursor.
 * @param {(url: string) => void} open is called when htmx asks for the source
 * @returns {(message: import("./stream.js").Message) => void}
 */
export function feedHtmx(htmx, open) {
  const sources = new Set();
  htmx.createEventSource = (url) => {
    const source = new PageSource((closed) => sources.delete(closed));
    sources.add(source);
    open(url);
    return source;
  };
  return (message) => {
    for (const source of sources) source.take(message);
  };
}

class PageSource extends EventTarget {
  #forget;
  #held = new Map();
  readyState = EventSource.CONNECTING;
  onopen = null;
  onerror = null;

  constructor(forget) {
    super();
    this.#forget = forget;
  }

  take(message) {
    if (message.type === "hello") this.#open();
    if (message.type !== "event") return;
    if (PACED.includes(message.name)) return this.#pace(message);
    // A toast that waited until somebody looks: what came with it has been shown, and may have changed since.
    this.#show(message.name === "late" ? { ...message, data: onlyToasts(message.data) } : message);
  }

  // The first of a burst shows at once, the rest together, a few times a second: each swap costs the page the same.
  #pace(message) {
    const begun = this.#held.get(message.name);
    if (begun) return void begun.push(message);
    this.#show(message);
    this.#hold(message.name);
  }

  #hold(name) {
    this.#held.set(name, []);
    setTimeout(() => {
      const late = this.#held.get(name);
      this.#held.delete(name);
      if (late.length === 0) return;
      this.#show({ name, id: "", data: late.map(({ data }) => data).join("") });
      this.#hold(name);
    }, PACE);
  }

  #show({ name, id, data }) {
    this.dispatchEvent(new MessageEvent(name, { data, lastEventId: id }));
  }

  close() {
    this.readyState = EventSource.CLOSED;
    this.#forget(this);
  }

  #open() {
    if (this.readyState === EventSource.OPEN) return;
    this.readyState = EventSource.OPEN;
    this.onopen?.(new Event("open"));
  }
}
