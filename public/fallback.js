const PATH = "/stream/fallback";
const ATTRIBUTES = {
  "hx-get": PATH,
  "hx-trigger": "load, every 10s",
  "hx-target": "#toasts",
  "hx-swap": "afterbegin",
  // Named here again: an answer may come when the element, and so what it inherits, is gone from the page.
  "hx-ext": "fragments",
  "hx-request": '{"timeout": 8000}',
};

/**
 * Asks every ten seconds for what the stream would have brought, while there is no stream, and not once more.
 * @param {HTMLElement} place where the asking element is put
 * @param {import("./connection.js").Connection} connection is told how far the answers reach
 * @param {{ cursor: number, at: string }} start the page's own position
 * @returns {(message: import("./stream.js").Message) => void}
 */
export function pollWhileDown(htmx, place, connection, start) {
  let position = start;
  let poller = null;
  return (message) => {
    if (message.type === "position") position = message;
    if (message.type !== "state") return;
    const down = message.state === "polling" || message.state === "offline";
    if (down && !poller) poller = createPoller(htmx, place, connection, () => position);
    if (!down && poller) {
      poller.remove();
      poller = null;
    }
  };
}

function createPoller(htmx, place, connection, getPosition) {
  const poller = document.createElement("div");
  for (const [name, value] of Object.entries(ATTRIBUTES)) poller.setAttribute(name, value);
  poller.addEventListener("htmx:configRequest", ({ detail }) => {
    detail.parameters.after = String(getPosition().cursor);
    detail.parameters.since = getPosition().at;
  });
  poller.addEventListener("htmx:afterRequest", ({ detail }) => take(detail.xhr, connection));
  place.append(poller);
  htmx.process(poller);
  return poller;
}

function take(xhr, connection) {
  const elsewhere = xhr.responseURL !== "" && new URL(xhr.responseURL).pathname !== PATH;
  if (elsewhere || xhr.status === 401 || xhr.status === 403) return connection.signOut();
  const answered = xhr.status === 200 || xhr.status === 204;
  if (answered)
    connection.moveTo(Number(xhr.getResponseHeader("Stockbell-Cursor")), xhr.getResponseHeader("Stockbell-At"));
  connection.notePoll(answered);
}
