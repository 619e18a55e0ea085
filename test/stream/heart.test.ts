import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startHeart } from "../../src/stream/heart.ts";
import type { Hub } from "../../src/stream/hub.ts";
import type { Stream } from "../../src/stream/stream.ts";
import { Turns } from "../../src/stream/turns.ts";

type Beat = { at: number; event: string; bytes: string };

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function hubOf(size: number) {
  const beats: Beat[][] = [];
  const ended: number[] = [];
  const streams = Array.from({ length: size }, (_, at) => {
    const mine: Beat[] = [];
    beats.push(mine);
    const connection = {
      settled: true,
      send: (event: string, bytes: Buffer) => mine.push({ at: Date.now(), event, bytes: String(bytes) }),
    };
    return {
      userId: at,
      person: { last: 9 },
      endsAt: 600_000,
      expiresAt: 700_000,
      turn: 0,
      connection,
    } as unknown as Stream;
  });
  const hub = {
    turns: new Turns(),
    lagging: new Set(),
    expiring: new Set(),
    end: (stream: Stream) => void ended.push(stream.userId),
  } as unknown as Hub;
  return {
    beats,
    ended,
    streams,
    ...{ turns: hub.turns, expiring: hub.expiring },
    start() {
      for (const stream of streams) hub.turns.add(stream);
      return startHeart(hub);
    },
  };
}

test.each([1, 7, 60, 500])("each of %i streams beats every 15 seconds, and they do not beat all at once", (size) => {
  const { beats, start } = hubOf(size);
  const stop = start();
  vi.advanceTimersByTime(120_000);
  stop();
  for (const mine of beats) {
    const gaps = mine.slice(1).map((beat, at) => beat.at - (mine[at]?.at ?? 0));
    expect(mine.length).toBeGreaterThanOrEqual(7);
    for (const gap of gaps) expect(Math.abs(gap - 15_000)).toBeLessThanOrEqual(500);
  }
  const perTick = new Map<number, number>();
  for (const { at } of beats.flat()) perTick.set(at, (perTick.get(at) ?? 0) + 1);
  expect(Math.max(...perTick.values())).toBeLessThanOrEqual(Math.ceil(size / 60) + 1);
});

test("however many come and go, those who stay beat every 15 seconds", () => {
  const { beats, streams, turns, start } = hubOf(100);
  const stop = start();
  for (let n = 0; n < 600; n += 1) {
    vi.advanceTimersByTime(100);
    // Somebody of the second fifty leaves and comes back as the newest: ten each second.
    const restless = streams[50 + (n % 50)] as Stream;
    turns.delete(restless);
    turns.add(restless);
  }
  stop();
  for (const mine of beats.slice(0, 50)) {
    const gaps = mine.slice(1).map((beat, at) => beat.at - (mine[at]?.at ?? 0));
    expect(gaps.length).toBeGreaterThanOrEqual(2);
    for (const gap of gaps) expect(Math.abs(gap - 15_000)).toBeLessThanOrEqual(500);
  }
});

test("a heartbeat is an event with a name, the latest number and the time, and no id", () => {
  const { beats, start } = hubOf(1);
  const stop = start();
  vi.advanceTimersByTime(16_000);
  stop();
  const beat = beats[0]?.[0];
  expect(beat?.event).toBe("heartbeat");
  expect(beat?.bytes).toMatch(/^event:heartbeat\ndata: \{"last":9,"at":"1970-01-01T00:00:1\d\.\d{3}Z"\}\n\n$/);
});

test("a stream that has lived long enough is ended instead of beating on", () => {
  const { ended, start } = hubOf(1);
  const stop = start();
  vi.advanceTimersByTime(616_000);
  stop();
  expect(ended).toContain(0);
});

test("a session that runs out before the next heartbeat is looked at from now on, and one that lasts is not", () => {
  const { streams, expiring, start } = hubOf(2);
  const [short] = streams as [Stream, Stream];
  short.expiresAt = 40_000;
  const stop = start();
  vi.advanceTimersByTime(9000);
  expect([...expiring]).toEqual([]);
  vi.advanceTimersByTime(15_000);
  stop();
  expect([...expiring]).toEqual([short]);
});

test("ticks that come late do not make the heartbeats late", () => {
  const { beats, start } = hubOf(60);
  // A process with too much to do: what should take 1,000 ms takes 1,200.
  vi.spyOn(performance, "now").mockImplementation(() => Date.now() * 1.2);
  const stop = start();
  vi.advanceTimersByTime(100_000);
  stop();
  for (const mine of beats) {
    expect(mine.length).toBeGreaterThanOrEqual(7);
    for (const [at, beat] of mine.slice(1).entries()) {
      expect(Math.abs((beat.at - (mine[at]?.at ?? 0)) * 1.2 - 15_000)).toBeLessThanOrEqual(500);
    }
  }
});
