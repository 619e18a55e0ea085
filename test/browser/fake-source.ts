type Listener = (event: { data: string; lastEventId: string }) => void;

/** An EventSource that says what the test wants, when it wants it. */
export class FakeSource {
  static opened: FakeSource[] = [];
  url: string;
  readyState = 0;
  onerror: (() => void) | null = null;
  #listeners = new Map<string, Listener>();

  constructor(url: string) {
    this.url = url;
    FakeSource.opened.push(this);
  }

  addEventListener(name: string, listener: Listener): void {
    this.#listeners.set(name, listener);
  }

  close(): void {
    this.readyState = 2;
  }

  say(name: string, data: object | string, lastEventId = ""): void {
    if (this.readyState === 2) throw new Error("A closed source says nothing.");
    this.#listeners.get(name)?.({ data: typeof data === "string" ? data : JSON.stringify(data), lastEventId });
  }

  fail(refused: boolean): void {
    if (refused) this.readyState = 2;
    this.onerror?.();
  }
}
