import { afterSwaps } from "./after-swaps.js";

let iconShows = null;

/** Keeps the badge's count in the title of the tab, and on the app's icon where there is one. */
export function countInTitle() {
  write();
  afterSwaps(write);
}

function write() {
  const count = Number(document.querySelector("#badge")?.dataset.count ?? 0);
  const bare = document.title.replace(/^\(\d+\+?\) /, "");
  const title = count > 0 ? `(${count > 99 ? "99+" : count}) ${bare}` : bare;
  if (title !== document.title) document.title = title;
  if (count === iconShows) return;
  iconShows = count;
  navigator.setAppBadge?.(count).catch(() => {});
}
