/** Timers by name: setting one that is set already moves it. */
export class Timers {
  #around;
  #set = new Map();

  /** @param {{ setTimeout: (run: () => void, ms: number) => unknown, clearTimeout: (timer: unknown) => void }} around */
  constructor(around) {
    this.#around = around;
  }

  /** Runs something once, so many milliseconds from now. */
  after(name, ms, run) {
    this.cancel(name);
    const timer = this.#around.setTimeout(() => {
      this.#set.delete(name);
      run();
    }, ms);
    this.#set.set(name, timer);
  }

  cancel(...names) {
    for (const name of names) {
      this.#around.clearTimeout(this.#set.get(name));
      this.#set.delete(name);
    }
  }
}
