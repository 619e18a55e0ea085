// The server's clock as far as this page knows it. The browser's may be wrong by any amount, and is not asked: only how
// long ago something was is measured here.
const NOTICEABLE = 1_000;
const mended = new Set();
let offset = firstOffset();

/** The time by the server's clock, in ms; on pages that were made for nobody, by the browser's. */
export function serverNow() {
  return offset === null ? Date.now() : offset + performance.now();
}

/**
 * The server has said what time it was. What it says is heard late, and after a sleep the page's own time has stood still:
 * so it was never later than the latest that follows from any.
 * @param {string} at ISO
 */
export function hearServer(at) {
  const heard = Date.parse(at) - performance.now();
  if (offset === null || !(heard > offset)) return;
  const leap = heard - offset;
  offset = heard;
  if (leap > NOTICEABLE) for (const run of mended) run();
}

/** Runs something whenever the time turns out to be noticeably later than it seemed. */
export function whenMended(run) {
  mended.add(run);
}

// The page was made before its first byte came.
function firstOffset() {
  const made = Date.parse(document.body.dataset.at);
  if (Number.isNaN(made)) return null;
  const [came] = performance.getEntriesByType("navigation");
  return made - (came?.responseStart ?? performance.now());
}
