const FIRST = 500;
const LONGEST = 30_000;

/** How long to wait before another try: any time up to a limit that doubles, so that nobody comes back in step. */
export class Backoff {
  #random;
  /** How often it has been asked since the last reset. */
  failures = 0;

  /** @param {() => number} random from 0 up to 1 */
  constructor(random) {
    this.#random = random;
  }

  /** Counts one more failure. @returns milliseconds */
  next() {
    const limit = Math.min(LONGEST, FIRST * 2 ** this.failures);
    this.failures += 1;
    return this.#random() * limit;
  }

  reset() {
    this.failures = 0;
  }
}
