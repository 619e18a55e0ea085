import { get } from "node:http";
import { createParser, type ReceivedEvent, seqsOf } from "../sse.ts";

type Message = {
  type: string;
  state?: string;
  name?: string;
  id?: string;
  data?: string;
  cursor?: number;
  replayed?: number;
};

/** What is used here of public/connection.js, which is plain JavaScript for the browser. */
type Connection = {
  open(url: string, start: { cursor: number; at: string }): void;
  wake(): void;
  pause(): void;
};

const file = new URL("../../public/connection.js", import.meta.url).href;
const { Connection: RealConnection } = (await import(file)) as {
  Connection: new (around: object, tell: (message: Message) => void) => Connection;
};

/** A page without a screen: the very client of public/, over a Node connection, that keeps all it was told. */
export type Reader = {
  /** The numbers of all notifications that it was shown, in that order; what it is sent again is dropped by pages too. */
  seqs(): number[];
  /** How often a number came that had come before. */
  repeats(): number;
  state(): string;
  states: { state: string; at: number }[];
  /** How its streams began: fresh, resumed or reset, with when. */
  hellos: { state: string; replayed: number; at: number }[];
  /** Every fragment, with when it came. */
  events: (ReceivedEvent & { at: number })[];
  /** When heartbeats came. */
  beats: number[];
  /** How often it tried to open a stream. */
  attempts(): number;
  wake(): void;
  close(): void;
};

/**
 * @param url where the site is: asked for at each connection
 * @param cookie of the session
 * @param cursor the number up to which its page was rendered
 * @param speed how much faster than ours its clock runs: all its patience ends sooner by so much
 */
export function openReader(url: () => string, cookie: string, cursor = 0, speed = 1): Reader {
  const states: Reader["states"] = [];
  const hellos: Reader["hellos"] = [];
  const events: Reader["events"] = [];
  const beats: number[] = [];
  const seen = new Set<number>();
  let repeats = 0;
  let attempts = 0;
  class Source extends NodeSource {
    constructor(path: string) {
      super(url() + path, cookie);
      attempts += 1;
    }
    override addEventListener(name: string, listener: Listener): void {
      super.addEventListener(name, (event) => {
        if (name === "heartbeat") beats.push(Date.now());
        listener(event);
      });
    }
  }
  const connection = new RealConnection(surroundings(Source, url, cookie, speed), (message) => {
    const at = Date.now();
    if (message.type === "state") states.push({ state: message.state ?? "", at });
    if (message.type === "hello") hellos.push({ state: message.state ?? "", replayed: message.replayed ?? 0, at });
    if (message.type === "event")
      take({ event: message.name ?? "", id: message.id ?? null, data: message.data ?? "" }, at);
  });
  connection.open("/stream", { cursor, at: new Date().toISOString() });
  return {
    ...{ states, hellos, events, beats },
    seqs: () => [...seen],
    repeats: () => repeats,
    attempts: () => attempts,
    state: () => states.at(-1)?.state ?? "connecting",
    wake: () => connection.wake(),
    close: () => connection.pause(),
  };

  function take(event: ReceivedEvent, at: number): void {
    events.push({ ...event, at });
    // What a page is told by an answer while it has no stream are toasts as well.
    for (const seq of seqsOf(event.event === "missed" ? { ...event, event: "toast" } : event)) {
      if (seen.has(seq)) repeats += 1;
      seen.add(seq);
    }
  }
}

function surroundings(EventSource: typeof NodeSource, url: () => string, cookie: string, speed: number): object {
  return {
    EventSource,
    // As a browser does: a redirect that is not followed shows nothing of itself.
    async fetch(path: string, options: RequestInit) {
      const headers = { ...(options.headers as Record<string, string>), Cookie: cookie };
      const answer = await fetch(url() + path, { ...options, headers });
      const redirected = answer.status >= 300 && answer.status < 400 && answer.status !== 304;
      return redirected ? { type: "opaqueredirect", status: 0, ok: false } : answer;
    },
    setTimeout: (run: () => void, ms: number) => setTimeout(run, ms / speed),
    clearTimeout: (timer: NodeJS.Timeout) => clearTimeout(timer),
    Date: speed === 1 ? Date : { now: () => Date.now() * speed },
    Math,
  };
}

type Listener = (event: { data: string; lastEventId: string }) => void;

/** An EventSource for Node with a cookie. Unlike a browser's it never tries again by itself, which ours forbids anyway. */
class NodeSource {
  readyState = 0;
  onerror: (() => void) | null = null;
  readonly #listeners = new Map<string, Listener>();
  readonly #request;

  constructor(url: string, cookie: string) {
    const headers = { Accept: "text/event-stream", Cookie: cookie, "Cache-Control": "no-store" };
    this.#request = get(url, { agent: false, headers }, (response) => {
      const type = response.headers["content-type"] ?? "";
      if (response.statusCode !== 200 || !type.startsWith("text/event-stream")) {
        this.#request.destroy();
        return this.#fail(2);
      }
      this.readyState = 1;
      const parse = createParser((event) => this.#hear(event));
      response.setEncoding("utf8").on("data", parse);
      response.on("error", () => {}).on("close", () => this.#fail(0));
    });
    this.#request.on("error", () => this.#fail(0));
  }

  addEventListener(name: string, listener: Listener): void {
    this.#listeners.set(name, listener);
  }

  close(): void {
    this.readyState = 2;
    this.onerror = null;
    this.#request.destroy();
  }

  #hear({ event, data, id }: ReceivedEvent): void {
    if (this.readyState === 1) this.#listeners.get(event)?.({ data, lastEventId: id ?? "" });
  }

  #fail(state: number): void {
    if (this.readyState === 2) return;
    this.readyState = state;
    this.onerror?.();
  }
}
