import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createDb, createPool } from "../../src/db.ts";
import { recordEvent } from "../../src/events/record.ts";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { deliverEvent } from "../../src/notifications/deliver.ts";
import { deleteOldNotifications } from "../../src/notifications/retention.ts";
import { slownessNow } from "../at-rest.ts";
import { createCrowd, publishedListing } from "../cast.ts";
import { percentile, report } from "../faults/sizes.ts";
import { tellOld, untrueInboxes } from "../old-news.ts";
import { createWorld, type World } from "../world.ts";

const [DAYS, BATCH] = [400, 250];

let world: World;
beforeEach(async () => {
  world = await createWorld();
});
afterEach(() => world.close());

test("whoever delivers to the same people meanwhile never waits 100 ms for a lock, and every number is given out", async () => {
  const { db, bus, log, cast, config } = world;
  const crowd = (await createCrowd(db, 200)).map(({ id }) => id);
  await tellOld(world, crowd, 150, 140);
  const listing = await publishedListing(db, cast.sol);
  await sql`insert into watches (user_id, listing_id) select unnest(${crowd}::bigint[]), ${listing.id}`.execute(db);
  await world.drain();
  // Whoever waits longer for a lock, on a machine at rest, is told so by an error.
  const patience = Math.ceil(100 * (await slownessNow()));
  const impatient = new URL(world.databaseUrl);
  impatient.searchParams.set("options", `-c lock_timeout=${patience}ms`);
  const deliverer = createDb(createPool({ ...config, databaseUrl: impatient.href }, 2));
  const batches: number[] = [];
  let deleting = true;
  const deleted = deleteTimed(batches).finally(() => {
    deleting = false;
  });
  const took: number[] = [];
  try {
    for (let left = 3; left > 0; left -= deleting ? 0 : 1) {
      const id = await db.transaction().execute((trx) => recordEvent(trx, withdrawn(listing)));
      const began = performance.now();
      await deliverEvent({ db: deliverer, bus, log }, id);
      took.push(performance.now() - began);
    }
  } finally {
    await deleted;
    await deliverer.destroy();
  }
  report("retention", {
    "ms of patience with a lock": patience,
    ...{ rows: 28_000, batches: batches.length },
    ...{ "ms of a batch: median": percentile(batches, 0.5), worst: Math.max(...batches) },
    ...{
      deliveries: took.length,
      "ms of a delivery to 200: median": percentile(took, 0.5),
      slowest: Math.max(...took),
    },
  });
  const { rows } = await sql<{ last: number; floor: number; people: number }>`
    select last_seq as last, floor_seq as floor, count(*) as people from inboxes
    where user_id = any(${crowd}::bigint[]) group by 1, 2`.execute(db);
  expect(rows).toEqual([{ last: 150 + took.length, floor: 140, people: 200 }]);
  expect(batches.length).toBeGreaterThan(112);
  expect(await untrueInboxes(world)).toEqual([]);
});

async function deleteTimed(batches: number[]): Promise<void> {
  for (let from: number | null = 0; from !== null; ) {
    const began = performance.now();
    from = await deleteOldNotifications(world.db, DAYS, from, BATCH);
    batches.push(performance.now() - began);
  }
}

function withdrawn(listing: ListingView) {
  const data = { title: listing.title, version: listing.version, sellerId: listing.sellerId, buyerId: null };
  return { kind: "listing_withdrawn", actorId: listing.sellerId, listingId: listing.id, data } as const;
}
