const MARKS = 5;
const MOST = 500;

/**
 * What the stream brought lately, for tabs that join a connection which is ahead of the page they were given. It reaches
 * back over a few heartbeats: each is a position of which everything later is kept.
 */
export class Recent {
  /** @type {{ at: number, position: import("./stream.js").Position }[]} */ #marks = [];
  #events = [];

  /** Forgets all: from this position on everything will be kept. */
  begin(position) {
    this.#events = [];
    this.#marks = [{ at: 0, position }];
  }

  add(event) {
    this.#events.push(event);
  }

  /** A heartbeat: all up to this position has come. */
  mark(position) {
    this.#marks.push({ at: this.#events.length, position });
    while (this.#marks.length > MARKS || (this.#events.length > MOST && this.#marks.length > 1)) this.#forgetFirst();
  }

  /**
   * @param {import("./stream.js").Position} position up to which a page is made
   * @param {number} slack how far the clocks of two servers may differ, in ms
   * @returns {object[] | null} all that has come since, and some from before; null when not all of it is kept
   */
  since({ cursor, at }, slack) {
    const known = this.#marks[0]?.position;
    const covered = known && known.cursor <= cursor && Date.parse(known.at) <= Date.parse(at) - slack;
    return covered ? [...this.#events] : null;
  }

  #forgetFirst() {
    this.#marks.shift();
    const dropped = this.#marks[0].at;
    this.#events.splice(0, dropped);
    for (const mark of this.#marks) mark.at -= dropped;
  }
}
