/** How far the page is: the last number that it shows, and the server's time up to which it has the changes. */
export class Place {
  #tell;
  cursor = 0;
  at = "";

  /** @param {(message: import("./stream.js").Message) => void} tell is given every move */
  constructor(tell) {
    this.#tell = tell;
  }

  /** Goes there, be it back. An empty `at` leaves the time as it is. */
  set(cursor, at = "") {
    this.cursor = cursor;
    this.at = at || this.at;
    this.#tell({ type: "position", cursor, at: this.at });
  }

  /** Goes there unless that is behind. */
  advance(cursor, at) {
    this.set(Math.max(this.cursor, cursor || 0), at);
  }
}
