const HICCUP = 3_000;

/** Keeps account of the time without a stream, and says what came of it only when all that was missed has come. */
export class Absence {
  #since = null;
  #after = 0;
  /** The number at which all is here; null when nobody can say what was missed, undefined while it lasts. */
  #last;

  /** When it began (ms); null while there is none. */
  get since() {
    return this.#since;
  }

  /** @param {number} cursor the last number that came; an absence that is not over goes on */
  begin(now, cursor) {
    if (this.#since === null) {
      this.#since = now;
      this.#after = cursor;
    }
    this.#last = undefined;
  }

  /** A stream has greeted. */
  greeted({ state, last }) {
    this.#last = state === "resumed" && Number.isInteger(last) ? last : null;
  }

  /**
   * The stream has sent all that it had to.
   * @param {number} cursor the last number that came
   * @param {number} until when the stream greeted (ms)
   * @returns what to tell, once, of an absence long enough to have been noticed; else null
   */
  settle(cursor, until) {
    if (this.#since === null || this.#last === undefined || (this.#last ?? 0) > cursor) return null;
    const [away, last] = [until - this.#since, this.#last];
    this.#since = null;
    if (away < HICCUP || last === null) return null;
    return { type: "back", away, after: this.#after, last };
  }
}
