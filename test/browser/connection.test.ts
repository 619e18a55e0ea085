import { beforeEach, expect, it, vi } from "vitest";
import { FakeSource } from "./fake-source.ts";

type Message = {
  type: string;
  state?: string;
  reason?: string;
  cursor?: number;
  name?: string;
  data?: string;
  id?: string;
  away?: number;
  after?: number;
  last?: number;
};

/** What the tests use of public/connection.js, which is plain JavaScript for the browser. */
type Connection = {
  open(url: string, start: { cursor: number; at: string }, reader?: string): void;
  wake(): void;
  pause(): void;
  setOnline(online: boolean): void;
};

const file = new URL("../../public/connection.js", import.meta.url).href;
const module = (await import(file)) as {
  Connection: new (around: object, tell: (message: Message) => void) => Connection;
};

const AT = "2026-03-01T10:00:00.000Z";
const START = Date.parse(AT);
const QUESTION = "/stream/fallback?after=5&since=2026-03-01T10%3A00%3A00.000Z";
let told: Message[];
let answer: { type?: string; status: number; headers?: Headers; text?: () => Promise<string> };
let answering: () => Promise<typeof answer>;
let fetched: string[];
let connection: Connection;

beforeEach(() => {
  vi.useFakeTimers({ now: START });
  FakeSource.opened = [];
  [told, fetched, answer] = [[], [], { status: 503 }];
  answering = async () => answer;
  const around = {
    EventSource: FakeSource,
    fetch: async (url: string) => {
      fetched.push(url);
      return answering();
    },
    setTimeout: (run: () => void, ms: number) => setTimeout(run, ms),
    clearTimeout: (timer: NodeJS.Timeout) => clearTimeout(timer),
    Date,
    // The longest wait that the limit allows, so that the limits can be measured.
    Math: { random: () => 1 },
  };
  connection = new module.Connection(around, (message) => told.push(message));
  connection.open("/stream", { cursor: 5, at: AT }, "1");
  return () => vi.useRealTimers();
});

it("calls the stream dead after two and a half heartbeats of silence, not before", () => {
  live();
  vi.advanceTimersByTime(30_000);
  last().say("heartbeat", { last: 5, at: "2026-03-01T10:00:30.000Z" });
  vi.advanceTimersByTime(37_400);
  expect([FakeSource.opened.length, state()]).toEqual([1, "live"]);
  vi.advanceTimersByTime(200);
  expect(FakeSource.opened.map(({ readyState }) => readyState)).toEqual([2, 0]);
  expect(state()).toBe("connecting");
  expect(last().url).toBe("/stream?lastEventId=5&since=2026-03-01T10%3A00%3A30.000Z");
});

it("gives up a stream that does not greet within ten seconds, and tries another", () => {
  last().say("market", "<card>");
  vi.advanceTimersByTime(9_900);
  expect(last().readyState).toBe(0);
  vi.advanceTimersByTime(100);
  expect(last().readyState).toBe(2);
  vi.advanceTimersByTime(500);
  expect(FakeSource.opened).toHaveLength(2);
});

it("lets go of an answer that comes when a stream has been there meanwhile, and is gone again", async () => {
  let come = (_answer: typeof answer) => {};
  answering = () =>
    new Promise((resolve) => {
      come = resolve;
    });
  await vi.advanceTimersByTimeAsync(5000);
  expect(fetched).toHaveLength(1);
  live();
  last().say("toast", "<article>", "6");
  last().fail(false);
  come(answered("<article>", 6, AT));
  await vi.advanceTimersByTimeAsync(0);
  expect(events().map(([name]) => name)).toEqual(["toast"]);
});

it("waits at most twice as long after each failure, up to half a minute, and begins anew after a steady stream", async () => {
  const waits: number[] = [];
  for (let attempt = 1; attempt <= 9; attempt++) waits.push(await failAndMeasure());
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  live();
  vi.advanceTimersByTime(900);
  expect(await failAndMeasure()).toBe(30_000);
  live();
  vi.advanceTimersByTime(1_100);
  expect(await failAndMeasure()).toBe(500);
});

it("begins with the wait that the server has wished for, within reason", async () => {
  for (const [retry, wait] of [
    [3200, 3200],
    [3_600_000, 4000],
    [-1, 100],
    ["soon", 100],
  ]) {
    last().say("hello", { state: "resumed", replayed: 0, last: 5, retry });
    vi.advanceTimersByTime(11_000);
    expect(await failAndMeasure()).toBe(wait);
  }
});

it("keeps the highest number it has been given, and goes back only after a reset", () => {
  live();
  last().say("toast", "<article>", "7");
  last().say("toast", "<article>", "6");
  expect(cursor()).toBe(7);
  last().say("bye", { reconnect: 100 });
  vi.advanceTimersByTime(100);
  expect(last().url).toContain("lastEventId=7");
  last().say("hello", { state: "reset", replayed: 0, last: 2 });
  expect(cursor()).toBe(2);
});

it("counts the number of what brings no toast as well, and is moved by nothing that has none", () => {
  live();
  last().say("inbox", "<li>", "6");
  last().say("heartbeat", { last: 6, at: "2026-03-01T10:00:15.000Z" });
  vi.advanceTimersByTime(5000);
  // The browser repeats the last number with what has none.
  last().say("inbox", "<span>", "6");
  last().say("market", "<i>", "9");
  expect([FakeSource.opened.length, cursor()]).toEqual([1, 6]);
});

it("connects again when a heartbeat tells of a number that does not come within two seconds", () => {
  live();
  last().say("heartbeat", { last: 6, at: "2026-03-01T10:00:15.000Z" });
  vi.advanceTimersByTime(1900);
  last().say("toast", "<article>", "6");
  vi.advanceTimersByTime(5000);
  expect(FakeSource.opened).toHaveLength(1);
  last().say("heartbeat", { last: 7, at: "2026-03-01T10:00:30.000Z" });
  vi.advanceTimersByTime(2001);
  expect(FakeSource.opened).toHaveLength(2);
});

it("says connecting for five seconds, then polling, and live only after the stream's own greeting", () => {
  expect(state()).toBeUndefined();
  vi.advanceTimersByTime(4999);
  expect(state()).toBeUndefined();
  vi.advanceTimersByTime(1);
  expect(state()).toBe("polling");
  live();
  expect(state()).toBe("live");
  last().fail(false);
  expect(state()).toBe("connecting");
  connection.setOnline(false);
  expect(state()).toBe("offline");
});

it("connects within a second of being looked at or being online again, but leaves a live stream alone", async () => {
  live();
  connection.wake();
  connection.setOnline(true);
  expect(FakeSource.opened).toHaveLength(1);
  for (let attempt = 1; attempt <= 8; attempt++) await failAndMeasure();
  last().fail(false);
  connection.wake();
  vi.advanceTimersByTime(1);
  expect(FakeSource.opened).toHaveLength(10);
});

it("finds at once on waking from sleep that the stream has long been silent", () => {
  live();
  vi.setSystemTime(START + 3_600_000);
  connection.wake();
  vi.advanceTimersByTime(1);
  expect(FakeSource.opened).toHaveLength(2);
});

it.each([{ status: 401 }, { status: 403 }, { type: "opaqueredirect", status: 0 }])(
  "stops for good when refused and told %o",
  async (refusal) => {
    answer = refusal;
    last().fail(true);
    await vi.advanceTimersByTimeAsync(600_000);
    connection.wake();
    connection.setOnline(true);
    await vi.advanceTimersByTimeAsync(600_000);
    expect([state(), FakeSource.opened.length, fetched]).toEqual(["signed-out", 1, [QUESTION]]);
  },
);

it("does not take a busy server, or a question without an answer, for being signed out", async () => {
  for (const status of [503, 200, 204, 429]) {
    answer = { status };
    last().fail(true);
    await vi.advanceTimersByTimeAsync(60_000);
  }
  expect(FakeSource.opened.length).toBeGreaterThan(4);
  expect(told.filter((message) => message.state === "signed-out")).toEqual([]);
});

it("holds nothing while paused, and goes on from where it was", () => {
  live();
  connection.pause();
  vi.advanceTimersByTime(600_000);
  expect([FakeSource.opened.length, last().readyState]).toEqual([1, 2]);
  connection.wake();
  vi.advanceTimersByTime(1);
  expect(FakeSource.opened).toHaveLength(2);
});

it("asks from the same position five seconds after the stream was lost, then every ten, until it is back", async () => {
  answer = answered("<article>", 7, "2026-03-01T10:00:05.000Z");
  live();
  last().fail(false);
  await vi.advanceTimersByTimeAsync(4900);
  expect(fetched).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  expect(fetched).toEqual([QUESTION]);
  expect(events()).toEqual([["missed", "7", "<article>"]]);
  answer = answered("", 7, "2026-03-01T10:00:15.000Z");
  await vi.advanceTimersByTimeAsync(10_000);
  expect(fetched.at(-1)).toBe("/stream/fallback?after=7&since=2026-03-01T10%3A00%3A05.000Z");
  expect([fetched.length, state()]).toEqual([2, "polling"]);
  live();
  await vi.advanceTimersByTimeAsync(30_000);
  expect([fetched.length, events().length]).toEqual([2, 1]);
});

it("does not count as news what a question has brought while the stream was being opened", async () => {
  answer = answered("<article>", 7, AT);
  await vi.advanceTimersByTimeAsync(5000);
  last().say("hello", { state: "resumed", replayed: 3, last: 8 });
  for (const seq of [6, 7, 8]) last().say("toast", `<article>${seq}`, String(seq));
  expect(events().map(([name]) => name)).toEqual(["missed", "quiet", "quiet", "toast"]);
});

it("tells of an absence when all of it has come, and of none that was not worth it", () => {
  live();
  last().say("bye", { reconnect: 2900 });
  vi.advanceTimersByTime(2900);
  live();
  beat(5);
  expect(backs()).toEqual([]);
  last().say("bye", { reconnect: 42_000 });
  vi.advanceTimersByTime(42_000);
  last().say("hello", { state: "resumed", replayed: 2, last: 7 });
  last().say("toast", "<article>", "6");
  beat(7);
  expect(backs()).toEqual([]);
  last().say("toast", "<article>", "7");
  beat(7);
  beat(7);
  expect(backs()).toEqual([{ type: "back", away: 42_000, after: 5, last: 7 }]);
});

it("counts an absence from when the stream fell silent, not from when that was noticed", () => {
  live();
  vi.advanceTimersByTime(37_501);
  live();
  beat(5);
  expect(backs()).toEqual([{ type: "back", away: 37_501, after: 5, last: 5 }]);
});

it("makes no claim about what was missed when the server could not go on from there", () => {
  live();
  last().say("bye", { reconnect: 42_000 });
  vi.advanceTimersByTime(42_000);
  last().say("hello", { state: "reset", replayed: 0, last: 9 });
  beat(9);
  expect([state(), backs()]).toEqual(["live", []]);
});

it.each(["stream", "answer"])(
  "passes on nothing of a %s that is meant for somebody else, and stops for good",
  async (what) => {
    if (what === "stream") {
      last().say("hello", { state: "resumed", replayed: 1, last: 6, user: 2 });
      expect(last().readyState).toBe(2);
    } else {
      answer = answered("<article>", 7, AT, "2");
    }
    await vi.advanceTimersByTimeAsync(60_000);
    expect(
      told.filter(({ type }) => type !== "position").map(({ type, state, reason }) => ({ type, state, reason })),
    ).toEqual([
      ...(what === "answer" ? [{ type: "state", state: "polling", reason: undefined }] : []),
      { type: "state", state: "signed-out", reason: "another" },
    ]);
  },
);

function answered(html: string, cursor: number, at: string, reader = "1") {
  const headers = new Headers({ "Stockbell-Reader": reader, "Stockbell-Cursor": String(cursor), "Stockbell-At": at });
  return { status: html ? 200 : 204, headers, text: async () => html };
}

function beat(number: number): void {
  last().say("heartbeat", { last: number, at: AT });
}

function backs(): Message[] {
  return told.filter(({ type }) => type === "back");
}

function events() {
  return told.filter(({ type }) => type === "event").map(({ name, id, data }) => [name, id, data]);
}

async function failAndMeasure(): Promise<number> {
  const before = FakeSource.opened.length;
  const failedAt = Date.now();
  last().fail(false);
  while (FakeSource.opened.length === before) await vi.advanceTimersToNextTimerAsync();
  return Date.now() - failedAt;
}

function live(): void {
  last().say("hello", { state: "resumed", replayed: 0, last: cursor() ?? 5 });
}

function last(): FakeSource {
  const source = FakeSource.opened.at(-1);
  if (!source) throw new Error("No source has been opened.");
  return source;
}

function state(): string | undefined {
  return told.findLast((message) => message.type === "state")?.state;
}

function cursor(): number | undefined {
  return told.findLast((message) => message.type === "position")?.cursor;
}
