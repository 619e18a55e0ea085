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
 * What comes while the inbox is open and looked at has been seen, as what was there when it was opened; and "Mark all
 * read" means all that is there by then.
 */
export function seeWhatComes(htmx) {
  const inbox = document.querySelector("#inbox");
  if (!inbox) return;
  let seen = Number(document.body.dataset.cursor);
  const look = () => {
    const upTo = newestIn(inbox);
    if (document.hidden || upTo <= seen) return;
    seen = upTo;
    for (const field of document.querySelectorAll("[name=upTo]")) field.value = upTo;
    htmx.ajax("POST", "/notifications/seen", { source: inbox, swap: "none", values: { upTo } });
  };
  afterSwaps(look);
  document.addEventListener("visibilitychange", look);
}

function newestIn(inbox) {
  return Math.max(0, ...[...inbox.children].map((row) => Number(row.dataset.notification)));
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
