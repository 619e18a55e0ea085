// What is said on the stream, and how it is asked for.

/**
 * @typedef {"connecting" | "live" | "polling" | "offline" | "signed-out"} State
 * @typedef {{ type: "state", state: State }
 *   | { type: "hello", state: "fresh" | "resumed" | "reset", replayed: number, last: number }
 *   | { type: "event", name: string, id: string, data: string }
 *   | { type: "position", cursor: number, at: string }} Message
 * @typedef {Pick<typeof globalThis, "EventSource" | "fetch" | "Date" | "Math" | "setTimeout" | "clearTimeout">} Surroundings
 */

/** The events that bring markup for the page; htmx swaps them. */
const FRAGMENTS = ["toast", "inbox", "market", "oversight"];
const LONGEST_ANSWER = 8_000;
const TIDINGS = ["hello", "heartbeat", "bye", "signed-out"];

/**
 * Opens one EventSource at a position.
 * @param {Surroundings} around
 * @param {string} url the stream
 * @param {{ cursor: number, at: string }} position what the page shows already
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

/**
 * Whether the server no longer knows the reader. An EventSource does not say with which status it was refused, so the
 * polling route is asked instead.
 */
export async function isSignedOut(around, url, cursor) {
  const request = {
    redirect: "manual",
    headers: { "HX-Request": "true" },
    signal: AbortSignal.timeout(LONGEST_ANSWER),
  };
  const answer = await around.fetch(`${url}/fallback?after=${cursor}`, request).catch(() => null);
  return answer?.type === "opaqueredirect" || answer?.status === 401 || answer?.status === 403;
}

function readJson(text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}
