import type { Stream } from "./stream.ts";

export const TURNS = 150;

/**
 * All streams of a process in a hundred and fifty turns: what is done for each of them, now and then, is done for some at a
 * time. However many come and go, nobody's turn moves.
 */
export class Turns {
  readonly #turns = Array.from({ length: TURNS }, () => new Set<Stream>());
  // Where nobody comes and goes, nothing is put together again.
  readonly #shares = new Map<string, Stream[]>();
  #joined = 0;

  add(stream: Stream): void {
    stream.turn = this.#joined++ % TURNS;
    this.#turns[stream.turn]?.add(stream);
    this.#shares.clear();
  }

  delete(stream: Stream): void {
    this.#turns[stream.turn]?.delete(stream);
    this.#shares.clear();
  }

  /** Whose turn it is. @param turn counts on without end */
  at(turn: number): ReadonlySet<Stream> {
    return this.#turns[turn % TURNS] as Set<Stream>;
  }

  /**
   * One of so many equal shares of the streams: in as many rounds everybody has been in one.
   * @param of a divisor of a hundred and fifty
   * @returns the same array as before where nobody has come or gone
   */
  share(of: number, round: number): readonly Stream[] {
    const key = `${round % of}/${of}`;
    let share = this.#shares.get(key);
    if (!share) {
      share = this.#turns.filter((_, turn) => turn % of === round % of).flatMap((turn) => [...turn]);
      this.#shares.set(key, share);
    }
    return share;
  }
}
