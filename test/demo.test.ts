import { sql } from "kysely";
import { expect, test } from "vitest";
import { seedDemo } from "../src/demo.ts";
import { createWorld } from "./world.ts";

test("the demo fills an empty database by real actions: stock, conversations, reservations, and inboxes in all their states", async () => {
  const world = await createWorld();
  try {
    await expect(seedDemo(world.db)).rejects.toThrow("there are people in this database already");
    const { db } = world;
    for (const table of ["inboxes", "users"] as const) await db.deleteFrom(table).execute();
    await seedDemo(db);
    await world.drain();
    const people = await db
      .selectFrom("users")
      .innerJoin("inboxes", "user_id", "id")
      .select(["email", "unread"])
      .execute();
    const unread = Object.fromEntries(people.map((person) => [person.email, person.unread]));
    expect(unread).toMatchObject({ "bea@demo.test": expect.any(Number), "ada@demo.test": 0 });
    for (const name of ["bea", "otto", "sol", "rita"]) expect(unread[`${name}@demo.test`]).toBeGreaterThan(0);
    const stock = await db.selectFrom("listings").select(["seller_id", "status"]).execute();
    const sellers = [...Map.groupBy(stock, ({ seller_id }) => seller_id).values()];
    expect(sellers.map((listings) => listings.length >= 10)).toEqual([true, true]);
    expect(new Set(stock.map(({ status }) => status))).toEqual(new Set(["available", "reserved", "sold", "withdrawn"]));
    const threads = await db.selectFrom("enquiries").selectAll().execute();
    const day = Date.now() - 86_400_000;
    expect(threads.filter(({ waiting_since }) => waiting_since && waiting_since.getTime() < day)).toHaveLength(1);
    expect(threads.filter(({ waiting_since }) => waiting_since === null)).toHaveLength(1);
    expect(threads.some(({ buyer_seen_at }) => buyer_seen_at)).toBe(true);
    const { rows } = await sql<Record<string, number>>`
      select count(archived_at)::int as archived, count(read_at)::int as read, count(superseded_at)::int as superseded,
        max((edits ->> 'steps')::int) as steps, (select count(*)::int from mutes) as mutes,
        (select count(*)::int from listings where reserved_until < now() + interval '61 minutes') as ending
      from notifications`.execute(db);
    expect(rows).toEqual([{ archived: 1, read: 1, superseded: 4, steps: 3, mutes: 1, ending: 1 }]);
    await expect(seedDemo(db)).rejects.toThrow("demo people join nobody");
  } finally {
    await world.close();
  }
});
