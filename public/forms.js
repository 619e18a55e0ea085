const STUCK = 10_000;
const WORDS = {
  403: "You may not do that.",
  404: "That is no longer here. Reload the page to see what is.",
  429: "That was too often. Wait a minute, then try again.",
};

/**
 * Forms are sent once however often they are pressed, a written message leaves its box when it has arrived, and what
 * went wrong is said.
 * @param {import("./connection.js").Connection} [connection] is told when an answer says that the reader is signed out
 */
export function guardForms(alerts, connection) {
  document.addEventListener("submit", (event) => sendOnce(event, connection), true);
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
  });
  document.addEventListener("htmx:afterRequest", ({ detail: { elt, successful } }) => {
    elt.closest("form")?.removeAttribute("aria-busy");
    if (!successful) return;
    if (elt.matches("form[data-reset]")) elt.reset();
    if (!isPoller(elt)) alerts.clear("failed");
  });
  document.addEventListener("htmx:sendError", ({ detail: { elt } }) => {
    if (!isPoller(elt)) alerts.show("failed", "That did not get through. Check your connection, then try again.");
  });
  document.addEventListener("htmx:responseError", ({ detail: { elt, xhr } }) => {
    if (isPoller(elt)) return;
    if (xhr.status === 401 && connection) return connection.signOut();
    alerts.show("failed", WORDS[xhr.status] ?? "Something went wrong on our side. Try again in a moment.");
  });
}

function sendOnce(event, connection) {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.getAttribute("aria-busy") === "true") {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form.setAttribute("aria-busy", "true");
  setTimeout(() => form.removeAttribute("aria-busy"), STUCK);
  // Whoever signs out need not be told that he is signed out.
  if (form.getAttribute("action") === "/sign-out") connection?.pause();
}

function isPoller(element) {
  return element.closest("#fallback") !== null;
}
