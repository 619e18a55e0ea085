import { expect, test } from "vitest";
import { writeInTurn } from "../../src/stream/writing.ts";

/** Holders that say when they are asked to write. */
function holdersOf(size: number, settled = true) {
  const written: number[] = [];
  const holders = Array.from({ length: size }, (_, n) => ({ settled, release: () => void written.push(n) }));
  return { holders, written };
}

test("the first of a turn writes at once, the others in their order at its end, and the next turn has a first again", async () => {
  const { holders, written } = holdersOf(4);
  for (const holder of holders) writeInTurn(holder);
  expect(written).toEqual([0]);
  await new Promise(setImmediate);
  expect(written).toEqual([0, 1, 2, 3]);
  for (const holder of holders) writeInTurn(holder);
  expect(written).toEqual([0, 1, 2, 3, 0]);
});

test("in a turn in which many are told nobody waits for all of them", async () => {
  const { holders, written } = holdersOf(100);
  for (const [n, holder] of holders.entries()) {
    writeInTurn(holder);
    expect(n + 1 - written.length).toBeLessThan(6);
  }
  await new Promise(setImmediate);
  expect(written).toEqual(holders.map((_, n) => n));
});

test("what streams open with waits for the end of the turn, however many open in it, so that it goes out as one", async () => {
  const { holders, written } = holdersOf(20, false);
  for (const holder of holders) writeInTurn(holder);
  expect(written).toEqual([]);
  await new Promise(setImmediate);
  expect(written).toEqual(holders.map((_, n) => n));
});
