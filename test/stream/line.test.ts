import { expect, test, vi } from "vitest";
import type { Ring } from "../../src/notifications/messages.ts";
import { inLine } from "../../src/stream/line.ts";

const ringsOf = (eventId: number, people: number): Ring[] =>
  Array.from({ length: people }, (_, n) => ({
    ...{ userId: n, eventId, seq: 1, reason: "watching", unseen: 1, revision: 1 },
  }));

test("few are rung for at once; of events that concern many each has its turn, and all are rung for in order, once", async () => {
  const heard: [event: number, user: number][] = [];
  const ring = inLine((rings) =>
    heard.push(...rings.map(({ eventId, userId }): [number, number] => [eventId, userId])),
  );
  ring(ringsOf(1, 500));
  ring(ringsOf(1, 500).map((one) => ({ ...one, userId: one.userId + 500 })));
  ring(ringsOf(2, 100));
  expect(heard).toEqual([]);
  ring(ringsOf(3, 20));
  expect(heard).toHaveLength(20);
  await vi.waitFor(() => expect(heard).toHaveLength(20 + 1000 + 100));
  const order = heard.map(([event]) => event);
  expect(order.indexOf(2)).toBe(20 + 250);
  expect(order.lastIndexOf(2)).toBe(20 + 250 + 99);
  const ofFirst = heard.filter(([event]) => event === 1).map(([, user]) => user);
  expect(ofFirst).toEqual(Array.from({ length: 1000 }, (_, n) => n));
});
