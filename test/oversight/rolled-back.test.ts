import { readFileSync } from "node:fs";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { watchListing } from "../../src/marketplace/watches.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { publishedListing } from "../cast.ts";
import { createWorld, type World } from "../world.ts";
import { announced, holders, wrongInboxes } from "./announcing.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

test("what the handbook says to do before one goes back behind announcements hides them, and nothing else", async () => {
  const { db, cast, drain } = world;
  const listing = await publishedListing(db, cast.sol);
  await watchListing(db, cast.bea, listing.id);
  const id = await announced(db, cast.ada);
  await withdrawListing(db, cast.sol, listing);
  await drain();
  expect(await holders(db, id)).toEqual([cast.bea.id, cast.otto.id]);

  const handbook = readFileSync(path.join(import.meta.dirname, "../../docs/operations.md"), "utf8");
  const statements = /```sql\n(begin;\nupdate notifications[\s\S]*?)```/.exec(handbook)?.[1] ?? "";
  await sql.raw(statements).execute(db);
  expect(await holders(db, id)).toEqual([]);
  expect(await wrongInboxes(db)).toEqual([]);
  const heads = db
    .selectFrom("inboxes")
    .select(["last_seq", "unread"])
    .where("user_id", "in", [cast.bea.id, cast.otto.id]);
  expect(await heads.orderBy("user_id").execute()).toEqual([
    { last_seq: 2, unread: 1 },
    { last_seq: 1, unread: 0 },
  ]);
});
