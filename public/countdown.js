import { afterSwaps } from "./after-swaps.js";
import { serverNow, whenMended } from "./clock.js";
import { timeLeft } from "./time-left.js";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;

let timer;

/** Writes beside the end of each reservation on the page how long that is from now, and whether it is near. */
export function countDown() {
  tick();
  afterSwaps(tick);
  whenMended(tick);
  document.addEventListener("visibilitychange", tick);
}

// Each second in the last hour, before that each half minute; while nobody looks, not at all.
function tick() {
  clearTimeout(timer);
  if (document.hidden) return;
  const left = [...document.querySelectorAll("[data-countdown]")].map(write).filter((ms) => ms > 0);
  if (left.length === 0) return;
  const least = Math.min(...left);
  timer = setTimeout(tick, least < HOUR ? least % SECOND || SECOND : 30 * SECOND);
}

function write(element) {
  const { countdown, warnAt, state } = element.dataset;
  const now = serverNow();
  const left = Date.parse(countdown) - now;
  const isNear = now >= Date.parse(warnAt);
  const next = left <= 0 ? "over" : isNear ? "soon" : "far";
  if (state !== next) element.dataset.state = next;
  const text = timeLeft(left, navigator.languages);
  const place = element.querySelector(".countdown-left");
  if (place.textContent !== text) place.textContent = text;
  return left;
}
