import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import type { Trx } from "../../src/db.ts";
import { enquire } from "../../src/marketplace/enquiries.ts";
import { findListings, getListing, type ListingView } from "../../src/marketplace/listings.ts";
import { releaseListing, reserveListing } from "../../src/marketplace/reservations.ts";
import { unwatchListing, watchListing } from "../../src/marketplace/watches.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { readAfter } from "../../src/notifications/inbox.ts";
import { createCrowd, createPerson, publishedListing } from "../cast.ts";
import { createWorld, type World } from "../world.ts";

let world: World;
let listing: ListingView;

beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  listing = await publishedListing(world.db, world.cast.sol);
});

async function now(): Promise<ListingView> {
  return (await findListings(world.db, [listing.id]))[0] as ListingView;
}

/** A buyer who watched, was told of a reservation and its end, and watches no more. */
async function formerWatcher(): Promise<Viewer> {
  const { db, cast } = world;
  const buyer = await createPerson(db, { role: "buyer" });
  await watchListing(db, buyer, listing.id);
  await reserveAndRelease(cast.bea);
  await world.drain();
  await unwatchListing(db, buyer, listing.id);
  return buyer;
}

async function reserveAndRelease(buyer: Viewer): Promise<void> {
  await reserveListing(world.db, world.cast.sol, await now(), { buyerId: buyer.id, hours: 1 });
  await releaseListing(world.db, world.cast.sol, await now());
}

test.each(["nothing", "watches", "asked", "had it reserved"])(
  "U-21: whoever has this to do with a withdrawn listing is shown its page and its news, or neither: %s",
  async (relation) => {
    const { db, cast } = world;
    const person = await formerWatcher();
    if (relation === "watches") await watchListing(db, person, listing.id);
    if (relation === "asked") await enquire(db, person, listing.id, "Hello?");
    if (relation === "had it reserved") await reserveAndRelease(person);
    await withdrawListing(db, cast.ada, await now());
    await world.drain();
    const hasPage = await getListing(db, person, listing.id).then(
      () => true,
      () => false,
    );
    const notices = await readAfter(db, person.id, 0, 9);
    expect(notices.length).toBeGreaterThan(1);
    for (const { withheld } of notices) expect(!withheld).toBe(hasPage);
    expect(hasPage).toBe(relation !== "nothing");
  },
);

test("U-21: its seller goes on reading what an admin's withdrawal took off the market, and no other seller does", async () => {
  const { db, cast } = world;
  await withdrawListing(db, cast.ada, listing);
  await world.drain();
  const [notice] = (await readAfter(db, cast.sol.id, 0, 99)).filter(({ event }) => event.listingId === listing.id);
  expect(notice).toMatchObject({ withheld: false, event: { kind: "listing_withdrawn" } });
  // As if it had been somebody else's all along.
  await db.updateTable("listings").set({ seller_id: cast.rita.id }).where("id", "=", listing.id).execute();
  const [other] = (await readAfter(db, cast.sol.id, 0, 99)).filter(({ event }) => event.listingId === listing.id);
  expect(other?.withheld).toBe(true);
});

test("what others watch, ask and had reserved is not read for it, nor who they are, however many", async () => {
  const { db, cast } = world;
  const reader = await formerWatcher();
  const ids = (await createCrowd(db, 3000)).map(({ id }) => id);
  await sql`insert into watches (user_id, listing_id) select unnest(${ids}::bigint[]), ${listing.id}`.execute(db);
  await sql`insert into enquiries (buyer_id, listing_id) select unnest(${ids}::bigint[]), ${listing.id}`.execute(db);
  await sql`insert into reservations (buyer_id, listing_id, expires_at, ended_at, outcome)
    select unnest(${ids}::bigint[]), ${listing.id}, now(), now(), 'released'`.execute(db);
  await withdrawListing(db, cast.ada, await now());
  const tables = ["watches", "enquiries", "reservations"];
  for (const table of [...tables, "users"]) await sql`analyze ${sql.table(table)}`.execute(db);
  const [before, after] = await db.transaction().execute(async (trx) => {
    const first = await looked(trx);
    expect((await readAfter(trx, reader.id, 0, 200)).map(({ withheld }) => withheld)).toEqual([true, true]);
    return [first, await looked(trx)];
  });
  expect(after["users"]?.rows).toBe(before["users"]?.rows);
  for (const table of tables) {
    const { rows, lookups } = after[table] as Looked;
    expect([table, rows - (before[table]?.rows ?? 0), lookups - (before[table]?.lookups ?? 0)]).toEqual([table, 0, 1]);
  }
});

type Looked = { name: string; rows: number; lookups: number };

/** How many rows of these tables have been passed over one by one, and how many looked up, as a connection counts. */
async function looked(trx: Trx): Promise<Record<string, Looked>> {
  const { rows } = await sql<Looked>`
    select relname as name, seq_tup_read as rows, idx_scan as lookups from pg_stat_xact_user_tables
    where relname in ('watches', 'enquiries', 'reservations', 'users')`.execute(trx);
  return Object.fromEntries(rows.map((row) => [row.name, row]));
}
