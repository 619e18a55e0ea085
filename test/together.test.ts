import { expect, test } from "vitest";
import { together } from "../src/together.ts";

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

const turn = () => new Promise((resolve) => setImmediate(resolve));
const all = (keys: number[]) => new Map(keys.map((key) => [key, `number ${key}`]));

test("those who ask at the same time share one read, each key in it once, and get each their own answer", async () => {
  const { reads, ask } = byHand();
  const asked = [ask(1), ask(2), ask(1)];
  await turn();
  expect(reads.map(({ keys }) => keys)).toEqual([[1, 2]]);
  reads[0]?.answer(new Map([[1, "one"]]));
  expect(await Promise.all(asked)).toEqual(["one", undefined, "one"]);
});

test("whoever asks while a read is under way is answered by the next, which sees what was written meanwhile", async () => {
  const { reads, ask } = byHand();
  const first = ask(1);
  await turn();
  const late = ask(1);
  await turn();
  expect(reads).toHaveLength(1);
  reads[0]?.answer(new Map([[1, "old"]]));
  expect(await first).toBe("old");
  await turn();
  reads[1]?.answer(new Map([[1, "new"]]));
  expect(await late).toBe("new");
});

test("more than may go together go one after the other", async () => {
  const { reads, ask } = byHand();
  const asked = [1, 2, 3, 4, 5].map(ask);
  await turn();
  reads[0]?.answer(all([1, 2, 3]));
  await Promise.all(asked.slice(0, 3));
  await turn();
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
  await turn();
  reads[0]?.fail(new Error("away"));
  expect((await asked).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  const again = ask(1);
  await turn();
  reads[1]?.answer(all([1]));
  expect(await again).toBe("number 1");
});
