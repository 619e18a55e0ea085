const USUAL_FIRST = 500;
const SHORTEST_FIRST = 100;
const LONGEST_FIRST = 4_000;
const LONGEST = 30_000;

/** How long to wait before another try: any time up to a limit that doubles, so that nobody comes back in step. */
export class Backoff {
  #random;
  #first = USUAL_FIRST;
  /** How often it has been asked since the last reset. */
  failures = 0;

  /** @param {() => number} random from 0 up to 1 */
  constructor(random) {
    this.#random = random;
  }

  /** Counts one more failure. @returns milliseconds */
  next() {
    const limit = Math.min(LONGEST, this.#first * 2 ** this.failures);
    this.failures += 1;
    return this.#random() * limit;
  }

  reset() {
    this.failures = 0;
  }

  /** @param {number} ms the limit of the first wait, as the server wishes; anything else changes nothing */
  setFirst(ms) {
    if (Number.isFinite(ms)) this.#first = Math.min(LONGEST_FIRST, Math.max(SHORTEST_FIRST, ms));
  }
}
