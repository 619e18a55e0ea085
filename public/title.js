import { afterSwaps } from "./after-swaps.js";

let shown = "";
let iconShows = null;

/** Keeps the badge's count in the title of the tab, and on the app's icon where there is one. */
export function countInTitle() {
  shown = said(count());
  write();
  afterSwaps(write);
}

/** What waits for somebody is nobody else's business once they are signed out. */
export function clearIcon() {
  iconShows = null;
  navigator.clearAppBadge?.().catch(() => {});
}

function write() {
  const [next, { title }] = [said(count()), document];
  // What a page is about may begin like a count: only what was put there is taken away.
  const bare = title.startsWith(shown) ? title.slice(shown.length) : title;
  if (next + bare !== title) document.title = next + bare;
  shown = next;
  if (count() === iconShows) return;
  iconShows = count();
  navigator.setAppBadge?.(iconShows).catch(() => {});
}

function count() {
  return Number(document.querySelector("#badge")?.dataset.count ?? 0);
}

function said(unseen) {
  return unseen > 0 ? `(${unseen > 99 ? "99+" : unseen}) ` : "";
}
