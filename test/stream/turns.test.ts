import { expect, test } from "vitest";
import type { Stream } from "../../src/stream/stream.ts";
import { Turns } from "../../src/stream/turns.ts";

function turnsOf(size: number) {
  const turns = new Turns();
  const streams = Array.from({ length: size }, () => ({ turn: 0 }) as Stream);
  for (const stream of streams) turns.add(stream);
  return { turns, streams };
}

test.each([5, 30, 75])("in %i rounds everybody is in one share, and in one only", (of) => {
  const { turns, streams } = turnsOf(130);
  const shares = Array.from({ length: of }, (_, round) => turns.share(of, round + 7));
  expect(shares.flat().length).toBe(130);
  expect(new Set(shares.flat())).toEqual(new Set(streams));
});

test("a share is the same array until somebody comes or goes, and then holds who is there", () => {
  const { turns, streams } = turnsOf(60);
  const [first] = streams as [Stream];
  const before = turns.share(5, first.turn);
  expect(turns.share(5, first.turn + 5)).toBe(before);
  turns.delete(first);
  expect(turns.share(5, first.turn)).not.toContain(first);
  expect(before).toContain(first);
  turns.add(first);
  expect(turns.share(5, first.turn)).toContain(first);
});

test("nobody's turn moves while others come and go", () => {
  const { turns, streams } = turnsOf(60);
  const stays = streams[7] as Stream;
  for (const stream of streams.slice(20)) turns.delete(stream);
  for (let n = 0; n < 100; n += 1) turns.add({ turn: 0 } as Stream);
  expect(turns.at(7)).toContain(stays);
});
