import { afterSwaps } from "./after-swaps.js";

const MOST = 200;

/**
 * Keeps the admins' live log: the newest on top, whatever order they come in, and not more than can be looked through:
 * older ones are a page away. While it is paused nothing moves: what comes is held back, and counted on the button.
 */
export function followLog() {
  const controls = document.querySelector("#log-controls");
  if (!controls || !document.querySelector("#events")) return;
  const button = controls.querySelector("#log-pause");
  /** Those that were there when it was paused. @type {Set<string> | null} */
  let kept = null;
  let dropped = 0;
  controls.hidden = false;
  button.addEventListener("click", () => {
    kept = kept ? null : new Set(rows().map(({ id }) => id));
    dropped = 0;
    arrange();
  });
  afterSwaps(arrange);
  arrange();

  function arrange() {
    const list = document.querySelector("#events");
    const sorted = rows().sort((one, other) => numberOf(other) - numberOf(one));
    for (const [index, row] of sorted.entries()) {
      row.hidden = kept !== null && !kept.has(row.id);
      if (list.children[index] !== row) list.insertBefore(row, list.children[index]);
    }
    const held = sorted.filter((row) => row.hidden);
    // What stands stays while it is paused: of what is held back the newest are enough, the others are a page away.
    const tooMany = (kept ? held : sorted).slice(MOST);
    for (const row of tooMany) row.remove();
    if (kept) dropped += tooMany.length;
    else if (tooMany.length > 0) leadOn(list);
    say(kept ? held.length - tooMany.length + dropped : 0);
  }

  function say(count) {
    button.dataset.paused = String(kept !== null);
    button.querySelector("span").textContent =
      kept === null ? "Pause" : count > 0 ? `Resume: ${count.toLocaleString(navigator.languages)} new` : "Resume";
  }
}

function rows() {
  return [...document.querySelectorAll("#events > tr")];
}

function numberOf(row) {
  return Number(row.dataset.event);
}

// The next page begins where this one ends.
function leadOn(list) {
  const last = [...list.children].at(-1);
  const link = document.querySelector("#log-older [rel=next]");
  const address = new URL(link.href);
  address.searchParams.set("before", last.dataset.event);
  link.href = address.href;
  link.closest("nav").hidden = false;
}

/** The times of the log's filter are the reader's own, unless they were asked for in another zone. */
export function localTimes() {
  const form = document.querySelector("#log-filter");
  if (!form || form.elements.from.value || form.elements.to.value) return;
  form.elements.zone.value = new Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
}
