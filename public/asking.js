const PATIENCE = 5_000;
const EVERY = 10_000;
const LONGEST_ANSWER = 8_000;

/**
 * @typedef {{ outcome: "signed-out" } | { outcome: "silence" }
 *   | { outcome: "answer", reader: string, html: string, cursor: number, at: string }} Answer
 */

/**
 * Asks once for what a stream would have brought since a position. Whether the server still knows the reader shows here
 * as well: an EventSource does not say with which status it was refused.
 * @param {import("./stream.js").Surroundings} around
 * @param {string} url the stream
 * @param {import("./stream.js").Position} position
 * @returns {Promise<Answer>}
 */
export async function askFor(around, url, { cursor, at }) {
  const query = new URLSearchParams({ after: String(cursor), since: at });
  const request = {
    redirect: "manual",
    cache: "no-store",
    headers: { "HX-Request": "true" },
    signal: AbortSignal.timeout(LONGEST_ANSWER),
  };
  try {
    const answer = await around.fetch(`${url}/fallback?${query}`, request);
    if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
      return { outcome: "signed-out" };
    }
    if (answer.status !== 200 && answer.status !== 204) return { outcome: "silence" };
    const head = (name) => answer.headers.get(`Stockbell-${name}`);
    const html = answer.status === 200 ? await answer.text() : "";
    return { outcome: "answer", reader: head("Reader"), html, cursor: Number(head("Cursor")), at: head("At") };
  } catch {
    return { outcome: "silence" };
  }
}

/** Asks after some seconds without a stream, and then every ten seconds for as long as there is none. */
export class Asking {
  #timers;
  #ask;
  begun = false;

  /**
   * @param {import("./timers.js").Timers} timers
   * @param {() => Promise<unknown>} ask
   */
  constructor(timers, ask) {
    this.#timers = timers;
    this.#ask = ask;
  }

  /** Most drops are over before a question would be. @param {() => void} onBegin */
  startSoon(onBegin) {
    this.#timers.after("patience", PATIENCE, () => {
      this.begun = true;
      onBegin();
      this.#round();
    });
  }

  stop() {
    this.begun = false;
    this.#timers.cancel("patience", "ask");
  }

  #round() {
    this.#timers.after("ask", EVERY, () => this.#round());
    void this.#ask();
  }
}
