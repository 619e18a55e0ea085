import { afterSwaps } from "./after-swaps.js";

const SHOWN_FOR = 6_000;
const LOOK_AGAIN = 500;

/**
 * A card or the facts of a listing that take the place of an older state say for a moment what they said before: the old
 * price beside the new one, struck through. Where the mouse is on it, it stays until the mouse leaves.
 * @param {HTMLElement} news the listing's new state, not yet on the page
 * @param {HTMLElement} shown what the page says of it now
 */
export function tellChange(news, shown) {
  if (!news.matches("[data-listing]")) return;
  for (const place of news.querySelectorAll("[data-tells]")) {
    const before = shown.querySelector(`[data-tells="${place.dataset.tells}"]`)?.textContent.trim();
    if (before && before !== place.textContent.trim()) place.after(" ", wordsFor(before));
  }
}

/** Takes away what tellChange() has written, once it was there to be seen. */
export function forgetChanges() {
  afterSwaps(() => {
    for (const was of document.querySelectorAll(".was:not([data-told])")) {
      was.dataset.told = "";
      setTimeout(() => forget(was), SHOWN_FOR);
    }
  });
}

function wordsFor(before) {
  const was = document.createElement("span");
  was.className = "was";
  const spoken = document.createElement("span");
  spoken.className = "visually-hidden";
  spoken.textContent = "was ";
  const struck = document.createElement("del");
  struck.textContent = before;
  was.append(spoken, struck);
  return was;
}

function forget(was) {
  // Whether the mouse leaves a piece that came beneath it is not told by every browser each time, so it is asked.
  if (was.closest("[data-listing]")?.matches(":hover")) setTimeout(() => forget(was), LOOK_AGAIN);
  else was.remove();
}
