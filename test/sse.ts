import { EventEmitter, once } from "node:events";
import { type ClientRequest, get } from "node:http";

export type ReceivedEvent = { event: string; data: string; id: string | null };

/** A client that reads a stream as the HTML standard says and keeps every event. Left open, it ends with close(). */
export type SseClient = {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  events: ReceivedEvent[];
  /** Waits for an event that is as asked, among those that came and those to come. */
  next(wanted: (event: ReceivedEvent) => boolean, ms?: number): Promise<ReceivedEvent>;
  /** The numbers of all notifications that were shown, in the order in which they came. */
  seqs(): number[];
  ended: Promise<void>;
  close(): void;
};

type Options = { cookie?: string; lastEventId?: string; headers?: Record<string, string> };

/** Opens a stream and resolves with its head. */
export async function openSse(url: string, { cookie, lastEventId, headers = {} }: Options = {}): Promise<SseClient> {
  const request = get(url, {
    agent: false,
    headers: {
      Accept: "text/event-stream",
      ...(cookie ? { Cookie: cookie } : {}),
      ...(lastEventId === undefined ? {} : { "Last-Event-ID": lastEventId }),
      ...headers,
    },
  });
  const [response] = await once(request, "response");
  const news = new EventEmitter();
  const events: ReceivedEvent[] = [];
  const parse = createParser((event) => {
    events.push(event);
    news.emit("more");
  });
  let over = false;
  response
    .setEncoding("utf8")
    .on("data", parse)
    .on("error", () => {});
  const ended = new Promise<void>((resolve) => response.once("close", resolve)).then(() => {
    over = true;
    news.emit("more");
  });
  return {
    status: response.statusCode,
    headers: response.headers,
    events,
    next,
    seqs: () => events.flatMap(seqsOf),
    ended,
    close: () => closeQuietly(request),
  };

  async function next(wanted: (event: ReceivedEvent) => boolean, ms = 10_000): Promise<ReceivedEvent> {
    const signal = AbortSignal.timeout(ms);
    for (;;) {
      const found = events.find(wanted);
      if (found) return found;
      if (over || signal.aborted)
        throw new Error(`It did not come: ${wanted}, but ${JSON.stringify(events).slice(-2000)}`);
      await once(news, "more", { signal }).catch(() => {});
    }
  }
}

/** The stream's name for an event: for next(). */
export function named(event: string): (received: ReceivedEvent) => boolean {
  return (received) => received.event === event;
}

/** Reads text/event-stream in pieces of any size, as the HTML standard has it. */
export function createParser(onEvent: (event: ReceivedEvent) => void): (text: string) => void {
  let rest = "";
  let first = true;
  let current = { event: "", data: [] as string[], id: null as string | null };
  return (text) => {
    const all = rest + (first ? text.replace(/^\uFEFF/, "") : text);
    first = false;
    // A last "\r" may be the first half of a "\r\n".
    const lines = all.split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const line of lines) take(line);
  };

  function take(line: string): void {
    if (line === "") return dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") current.event = value;
    else if (name === "data") current.data.push(value);
    else if (name === "id" && !value.includes("\0")) current.id = value;
  }

  function dispatch(): void {
    const { event, data, id } = current;
    current = { event: "", data: [], id: null };
    if (data.length > 0) onEvent({ event: event || "message", data: data.join("\n"), id });
  }
}

/** The numbers that one event brings: of its toast, of a quiet row, or of all the rows of a summary, oldest first. */
export function seqsOf({ event, data, id }: ReceivedEvent): number[] {
  if (event !== "toast" && (event !== "inbox" || id === null)) return [];
  const rows = [...data.matchAll(/id="notification-(\d+)"/g)].map((match) => Number(match[1]));
  return rows.sort((a, b) => a - b);
}

function closeQuietly(request: ClientRequest): void {
  request.on("error", () => {});
  request.destroy();
}
