const STUCK = 10_000;
const WORDS = {
  403: "You may not do that.",
  404: "That is no longer here. Reload the page to see what is.",
  429: "That was too often. Wait a minute, then try again.",
  other: "Something went wrong on our side. Try again in a moment.",
};

/**
 * Forms are sent once however often they are pressed, and what goes wrong with a request is said: in the server's own
 * words where it has sent any for #alerts, else in ours.
 * @param {ReturnType<typeof import("./alerts.js").alertWith>} alerts
 * @param {import("./link.js").Link} [link] is told when an answer says that the reader is signed out
 */
export function guardForms(alerts, link) {
  document.addEventListener("submit", (event) => sendOnce(event, link), true);
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
  });
  document.addEventListener("htmx:beforeSwap", ({ detail }) => {
    if (detail.xhr.status >= 400 && isForAlerts(detail)) detail.shouldSwap = !link || detail.xhr.status !== 401;
  });
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    detail.requestConfig.elt.closest("form")?.removeAttribute("aria-busy");
    if (detail.xhr.status >= 200 && detail.xhr.status < 400) alerts.clear();
  });
  document.addEventListener("htmx:sendError", () => {
    alerts.show("failed", "That did not get through. Check your connection, then try again.");
  });
  document.addEventListener("htmx:responseError", ({ detail }) => {
    if (link && detail.xhr.status === 401) link.signOut();
    else if (!isForAlerts(detail)) alerts.show("failed", WORDS[detail.xhr.status] ?? WORDS.other);
  });
}

function sendOnce(event, link) {
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
  if (form.getAttribute("action") === "/sign-out") link?.pause();
}

function isForAlerts(detail) {
  return detail.xhr.getResponseHeader("HX-Retarget") === "#alerts";
}
