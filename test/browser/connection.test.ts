import { beforeEach, expect, it, vi } from "vitest";
import { FakeSource } from "./fake-source.ts";

type Message = { type: string; state?: string; cursor?: number; name?: string; data?: string };

/** What the tests use of public/connection.js, which is plain JavaScript for the browser. */
type Connection = {
  open(url: string, start: { cursor: number; at: string }): void;
  wake(): void;
  pause(): void;
  setOnline(online: boolean): void;
};

const file = new URL("../../public/connection.js", import.meta.url).href;
const module = (await import(file)) as {
  Connection: new (around: object, tell: (message: Message) => void) => Connection;
};

const START = Date.parse("2026-03-01T10:00:00Z");
let told: Message[];
let answer: { type?: string; status: number };
let fetched: string[];
let connection: Connection;

beforeEach(() => {
  vi.useFakeTimers({ now: START });
  FakeSource.opened = [];
  [told, fetched, answer] = [[], [], { status: 503 }];
  const around = {
    EventSource: FakeSource,
    fetch: async (url: string) => {
      fetched.push(url);
      return answer;
    },
    setTimeout: (run: () => void, ms: number) => setTimeout(run, ms),
    clearTimeout: (timer: NodeJS.Timeout) => clearTimeout(timer),
    Date,
    // The longest wait that the limit allows, so that the limits can be measured.
    Math: { random: () => 1 },
  };
  connection = new module.Connection(around, (message) => told.push(message));
  connection.open("/stream", { cursor: 5, at: "2026-03-01T10:00:00.000Z" });
  return () => vi.useRealTimers();
});

it("calls the stream dead after two and a half heartbeats of silence, not before", () => {
  live();
  vi.advanceTimersByTime(30_000);
  last().say("heartbeat", { last: 5, at: "2026-03-01T10:00:30.000Z" });
  vi.advanceTimersByTime(37_400);
  expect([FakeSource.opened.length, state()]).toEqual([1, "live"]);
  vi.advanceTimersByTime(200);
  expect([last().readyState, state()]).toEqual([2, "connecting"]);
  vi.advanceTimersByTime(500);
  expect(FakeSource.opened).toHaveLength(2);
  expect(last().url).toBe("/stream?lastEventId=5&since=2026-03-01T10%3A00%3A30.000Z");
});

it("waits at most twice as long after each failure, up to half a minute, and begins anew after a steady stream", async () => {
  const waits: number[] = [];
  for (let attempt = 1; attempt <= 9; attempt++) waits.push(await failAndMeasure());
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  live();
  vi.advanceTimersByTime(9_000);
  expect(await failAndMeasure()).toBe(30_000);
  live();
  vi.advanceTimersByTime(11_000);
  expect(await failAndMeasure()).toBe(500);
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
    expect([state(), FakeSource.opened.length, fetched]).toEqual(["signed-out", 1, ["/stream/fallback?after=5"]]);
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
