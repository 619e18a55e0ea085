import { sql } from "kysely";
import { expect, test } from "vitest";
import { up } from "../../migrations/2026-11-26-conversations.ts";
import { enquire, reply } from "../../src/marketplace/enquiries.ts";
import { publishedListing } from "../cast.ts";
import { createWorld } from "../world.ts";

test("of the conversations that are there already, the migration finds whose they are, who waits since when, and what was answered", async () => {
  const world = await createWorld();
  const { db, cast } = world;
  try {
    for (const authors of ["bea", "bea sol", "bea bea", "bea sol bea bea", "bea bea sol sol bea"]) {
      const listing = await publishedListing(db, cast.sol);
      const [, ...others] = authors.split(" ") as ("bea" | "sol")[];
      const thread = await enquire(db, cast.bea, listing.id, "First");
      for (const [n, name] of others.entries()) await reply(db, cast[name], thread, `Message ${n}`);
    }
    const before = await standing();
    expect(before.map(({ waiting_since }) => waiting_since !== null)).toEqual([true, false, true, true, true]);
    await goBack();
    await up(db as never);
    expect(await standing()).toEqual(before);
  } finally {
    await world.close();
  }

  async function standing() {
    return db
      .selectFrom("enquiries")
      .select(["id", "seller_id", "waiting_since", "buyer_seen_id", "seller_seen_id"])
      .orderBy("id")
      .execute();
  }

  async function goBack(): Promise<void> {
    await sql`drop function enquiry_opens, enquiry_goes_on cascade`.execute(db);
    await sql`
      alter table enquiries drop column seller_id, drop column waiting_since, drop column buyer_seen_id,
        drop column buyer_seen_at, drop column seller_seen_id, drop column seller_seen_at, drop column moved_at`.execute(
      db,
    );
  }
});
