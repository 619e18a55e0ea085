import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { together } from "../src/together.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Reads that are answered by hand, with the keys that each was for. */
function byHand() {
  const reads: { keys: number[]; answer: (found: Map<number, string>) => void; fail: (error: Error) => void }[] = [];
  const ask = together(
    (keys: number[]) =>
      new Promise<Map<number, string>>((answer, fail) => {
        reads.push({ keys, answer, fail });
      }),
    3,
  );
  return { reads, ask };
}

/** As long as a read waits for others at the most. */
const moment = () => vi.advanceTimersByTimeAsync(20);
const all = (keys: number[]) => new Map(keys.map((key) => [key, `number ${key}`]));

test("those who ask at the same time share one read, each key in it once, and get each their own answer", async () => {
  const { reads, ask } = byHand();
  const asked = [ask(1), ask(2), ask(1)];
  await moment();
  expect(reads.map(({ keys }) => keys)).toEqual([[1, 2]]);
  reads[0]?.answer(new Map([[1, "one"]]));
  expect(await Promise.all(asked)).toEqual(["one", undefined, "one"]);
});

test("whoever asks while a read is under way is answered by the next, which sees what was written meanwhile", async () => {
  const { reads, ask } = byHand();
  const first = ask(1);
  await moment();
  const late = ask(1);
  await moment();
  expect(reads).toHaveLength(1);
  reads[0]?.answer(new Map([[1, "old"]]));
  expect(await first).toBe("old");
  await moment();
  reads[1]?.answer(new Map([[1, "new"]]));
  expect(await late).toBe("new");
});

test("with nothing read for a moment one is answered at once; whoever comes right after a read waits for others", async () => {
  const { reads, ask } = byHand();
  void ask(1);
  await vi.advanceTimersByTimeAsync(0);
  expect(reads).toHaveLength(1);
  reads[0]?.answer(all([1]));
  void ask(2);
  await vi.advanceTimersByTimeAsync(5);
  void ask(3);
  expect(reads).toHaveLength(1);
  await moment();
  expect(reads.map(({ keys }) => keys)).toEqual([[1], [2, 3]]);
});

test("more than may go together go one after the other", async () => {
  const { reads, ask } = byHand();
  const asked = [1, 2, 3, 4, 5].map(ask);
  await moment();
  reads[0]?.answer(all([1, 2, 3]));
  await Promise.all(asked.slice(0, 3));
  await moment();
  expect(reads.map(({ keys }) => keys)).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
  reads[1]?.answer(all([4, 5]));
  expect(await Promise.all(asked)).toEqual([...all([1, 2, 3, 4, 5]).values()]);
});

test("a read that fails fails for all that went together, and for nobody after them", async () => {
  const { reads, ask } = byHand();
  const asked = Promise.allSettled([ask(1), ask(2)]);
  await moment();
  reads[0]?.fail(new Error("away"));
  expect((await asked).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const again = ask(1);
  await moment();
  reads[1]?.answer(all([1]));
  expect(await again).toBe("number 1");
});
