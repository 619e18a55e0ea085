import { afterSwaps } from "./after-swaps.js";

const LINKS = ".inbox-link";
const MARKS = { e: ["archive", "unarchive"], u: ["read", "unread"] };

/**
 * Moves about in the inbox by keyboard, once the focus is in it: arrows, Home and End go from notification to
 * notification, "e" archives or takes back, "u" marks read or unread. Nowhere else do these keys do anything.
 */
export function walkInbox() {
  document.addEventListener("keydown", (event) => {
    const row = event.target.closest?.(".inbox > .inbox-row");
    if (!row || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    const done = goFrom(row, event.key) || press(row, event.key);
    if (done) event.preventDefault();
  });
}

/**
 * What the inbox shows while it is looked at has been seen: at its opening, and whatever comes. And "Mark all read" means
 * all that is there by then. A page with less than the whole inbox says nothing of what it leaves out.
 */
export function seeWhatComes() {
  const list = document.querySelector("[data-sees]");
  if (!list) return;
  let seen = 0;
  const look = async () => {
    const upTo = Math.max(Number(document.body.dataset.cursor), newestIn(list));
    for (const field of document.querySelectorAll("[name=upTo]")) field.value = upTo;
    if (document.hidden || upTo <= seen) return;
    seen = upTo;
    const request = { method: "POST", headers: { "HX-Request": "true" }, body: new URLSearchParams({ upTo }) };
    const answer = await fetch("/notifications/seen", request).catch(() => null);
    // It is told again with whatever comes next.
    if (!answer?.ok && seen === upTo) seen = 0;
  };
  void look();
  afterSwaps(look);
  document.addEventListener("visibilitychange", look);
}

function newestIn(list) {
  return Math.max(0, ...[...list.children].map((row) => Number(row.dataset.notification ?? 0)));
}

function goFrom(row, key) {
  const links = [...row.parentElement.querySelectorAll(LINKS)];
  const at = links.findIndex((link) => row.contains(link));
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: links.length - 1 }[key];
  links[to]?.focus();
  return to !== undefined;
}

function press(row, key) {
  const [button] = (MARKS[key] ?? []).flatMap((mark) => [...row.querySelectorAll(`[formaction$="/${mark}"]`)]);
  button?.click();
  return Boolean(button);
}

function isTyping(element) {
  return element.matches("input, textarea, select");
}
