import { onlyToasts } from "./fragments.js";

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
  readyState = EventSource.CONNECTING;
  onopen = null;
  onerror = null;

  constructor(forget) {
    super();
    this.#forget = forget;
  }

  take(message) {
    if (message.type === "event") {
      // A toast that waited until somebody looks: what came with it has been shown, and may have changed since.
      const data = message.name === "late" ? onlyToasts(message.data) : message.data;
      this.dispatchEvent(new MessageEvent(message.name, { data, lastEventId: message.id }));
    }
    if (message.type === "hello") this.#open();
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
