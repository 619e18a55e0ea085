// What is said on the stream, and how it is asked for.

/**
 * @typedef {"connecting" | "live" | "polling" | "offline" | "signed-out"} State
 * @typedef {{ cursor: number, at: string }} Position the last number that is shown, and the server's time (ISO) up to
 *   which changes are
 * @typedef {{ type: "state", state: State, since: number, reason?: "another" }
 *   | { type: "hello", state: "fresh" | "resumed" | "reset", replayed: number, last: number }
 *   | { type: "event", name: string, id: string, data: string }
 *   | { type: "back", away: number, after: number, last: number }
 *   | { type: "position", cursor: number, at: string }} Message
 *   state: `since` is when the stream was lost, or came (ms); event: the name is the stream's, or "missed" for the answer
 *   to a question, or "quiet" for what brings no toast (any more); back: an absence of so many ms is over, and all that
 *   was missed in it has come: the numbers after `after` up to `last`
 * @typedef {Pick<typeof globalThis, "EventSource" | "fetch" | "Date" | "Math" | "setTimeout" | "clearTimeout">} Surroundings
 */

/** The events that bring markup for the page; htmx swaps them. */
const FRAGMENTS = ["toast", "inbox", "market", "oversight"];
const TIDINGS = ["hello", "heartbeat", "bye", "signed-out"];

/**
 * Opens one EventSource at a position.
 * @param {Surroundings} around
 * @param {string} url the stream
 * @param {Position} position what the page shows already
 * @param {{ fragment: (name: string, id: string, data: string) => void, tidings: (name: string, data: object) => void,
 *   failed: (refused: boolean) => void }} hear failed: whether the server refused it, or else it only broke
 */
export function openStream(around, url, position, hear) {
  const query = new URLSearchParams({ lastEventId: String(position.cursor), since: position.at });
  const source = new around.EventSource(`${url}?${query}`);
  for (const name of FRAGMENTS) {
    source.addEventListener(name, (event) => hear.fragment(name, event.lastEventId, event.data));
  }
  for (const name of TIDINGS) {
    source.addEventListener(name, (event) => hear.tidings(name, readJson(event.data)));
  }
  source.onerror = () => hear.failed(source.readyState === 2);
  return source;
}

function readJson(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
