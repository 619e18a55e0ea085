import { afterAll, beforeAll, expect, test } from "vitest";
import type { Stream } from "../../src/stream/stream.ts";
import { noteDelivered } from "../../src/stream/sweep.ts";
import { createWorld, type World } from "../world.ts";

let world: World;

beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const at = ({ id }: { id: number }, ...cursors: number[]) => ({
  userId: id,
  noted: 0,
  streams: cursors.map((cursor) => ({ cursor }) as Stream),
});

async function noted(): Promise<number[]> {
  const { bea, otto } = world.cast;
  const rows = await world.db.selectFrom("inboxes").select(["user_id", "delivered_seq"]).execute();
  return [bea, otto].map(({ id }) => rows.find((row) => row.user_id === id)?.delivered_seq ?? -1);
}

test("how far each has been told is noted, never back, and waits for no inbox that is being written to", async () => {
  const { db, cast } = world;
  const otto = at(cast.otto, 4);
  await db.transaction().execute(async (writing) => {
    await writing.selectFrom("inboxes").selectAll().where("user_id", "=", cast.otto.id).forNoKeyUpdate().execute();
    await noteDelivered(db, [otto, at(cast.bea, 2, 3)]);
    expect(await noted()).toEqual([3, 0]);
    expect(otto.noted).toBe(0);
  });
  const bea = at(cast.bea, 1);
  await noteDelivered(db, [otto, bea]);
  expect(await noted()).toEqual([3, 4]);
  expect([bea.noted, otto.noted]).toEqual([1, 4]);
});
