import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { recordEvent } from "../../src/events/record.ts";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { deliverEvent } from "../../src/notifications/deliver.ts";
import { readHead } from "../../src/notifications/heads.ts";
import { readAfter } from "../../src/notifications/inbox.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { createWorld, type World } from "../world.ts";
import { sized } from "./sizes.ts";

const SEEDS = sized(100, 10);

let world: World;
let listings: ListingView[];

beforeAll(async () => {
  world = await createWorld();
  listings = [];
  for (let n = 0; n < 10; n += 1) listings.push(await publishedListing(world.db, world.cast.sol));
  await world.drain();
});
afterAll(() => world.close());

async function happen(listing: ListingView): Promise<number> {
  const { db, cast } = world;
  const data = { title: listing.title, sellerId: cast.sol.id, buyerId: null };
  return db
    .transaction()
    .execute((trx) =>
      recordEvent(trx, { kind: "listing_withdrawn", actorId: cast.sol.id, listingId: listing.id, data }),
    );
}

async function watcher(): Promise<Viewer> {
  const person = await createPerson(world.db, { role: "buyer" });
  for (const listing of listings) await watchListing(world.db, person, listing.id);
  return person;
}

test("R-03: a reader with a cursor misses nothing that eight writers commit in transactions of random length", async () => {
  const { db } = world;
  // Sleeps inside the delivering transaction, before the inbox is locked, as a slow disk or a busy machine would.
  await sql`create function dawdle() returns trigger language plpgsql as $$
    begin perform pg_sleep(random() * 0.008); return new; end $$`.execute(db);
  await sql`create trigger dawdle before update on events for each row execute function dawdle()`.execute(db);
  const reader = await watcher();
  const seen: number[] = [];
  let writing = true;
  const reading = (async () => {
    for (let idle = 0; idle < 2; idle = writing ? 0 : idle + 1) {
      const fresh = await readAfter(db, reader.id, seen.at(-1) ?? 0, 1000);
      seen.push(...fresh.map((notice) => notice.seq));
    }
  })();

  // One transaction has recorded its event and stays open for five seconds; one is rolled back after it had delivered.
  const [first] = listings;
  if (!first) throw new Error("there are no listings");
  const held = db.transaction().execute(async (trx) => {
    const data = { title: "Held", sellerId: world.cast.sol.id, buyerId: null };
    const id = await recordEvent(trx, { kind: "listing_withdrawn", actorId: null, listingId: first.id, data });
    await sql`select pg_sleep(5)`.execute(trx);
    return id;
  });
  await rolledBack(reader);
  for (let seed = 0; seed < SEEDS; seed += 1) {
    const events = await Promise.all(listings.map(happen));
    await eightAtOnce(events);
  }
  await deliverEvent(world, await held);
  writing = false;
  await reading;

  const { lastSeq } = await readHead(db, reader.id);
  expect(lastSeq).toBe(SEEDS * 10 + 1);
  expect(seen).toEqual(Array.from({ length: lastSeq }, (_, at) => at + 1));
  await sql`drop trigger dawdle on events`.execute(db);
}, 60_000);

async function eightAtOnce(events: number[]): Promise<void> {
  const waiting = [...events];
  const writer = async () => {
    for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) await deliverEvent(world, id);
  };
  await Promise.all(Array.from({ length: 8 }, writer));
}

async function rolledBack(reader: Viewer): Promise<void> {
  const undone = world.db.transaction().execute(async (trx) => {
    await sql`update inboxes set last_seq = last_seq + 1 where user_id = ${reader.id}`.execute(trx);
    throw new Error("never mind");
  });
  await expect(undone).rejects.toThrow("never mind");
}

test("R-16: one event delivered ten times at once is one notification for each recipient, and leaves no hole", async () => {
  const reader = await watcher();
  const [listing] = listings;
  if (!listing) throw new Error("there are no listings");
  const id = await happen(listing);
  await Promise.all(Array.from({ length: 10 }, () => deliverEvent(world, id)));
  await world.drain();
  const got = await readAfter(world.db, reader.id, 0, 100);
  expect(got.map((notice) => [notice.seq, notice.event.id])).toEqual([[1, id]]);
  expect(await readHead(world.db, reader.id)).toMatchObject({ lastSeq: 1, unread: 1, unseen: 1 });
});

test("events of one listing are delivered in the order in which they happened, in whatever order their jobs run", async () => {
  const reader = await watcher();
  const [listing] = listings;
  if (!listing) throw new Error("there are no listings");
  const ids: number[] = [];
  for (let n = 0; n < 20; n += 1) ids.push(await happen(listing));
  await Promise.all(ids.toReversed().map((id) => deliverEvent(world, id)));
  await world.drain();
  const got = await readAfter(world.db, reader.id, 0, 100);
  expect(got.map((notice) => notice.event.id)).toEqual(ids);
});

test("a change that is rolled back leaves no event, no job, and tells nobody", async () => {
  const { db, cast } = world;
  const reader = await watcher();
  const [listing] = listings;
  if (!listing) throw new Error("there are no listings");
  const count = async () =>
    (
      await sql<{ events: number; jobs: number }>`
      select (select count(*) from events) as events, (select count(*) from graphile_worker.jobs) as jobs`.execute(db)
    ).rows[0];
  const before = await count();
  const undone = db.transaction().execute(async (trx) => {
    const data = { title: listing.title, sellerId: cast.sol.id, buyerId: null };
    await recordEvent(trx, { kind: "listing_withdrawn", actorId: cast.sol.id, listingId: listing.id, data });
    throw new Error("never mind");
  });
  await expect(undone).rejects.toThrow("never mind");
  expect(await count()).toEqual(before);
  await world.drain();
  expect(await readAfter(db, reader.id, 0, 10)).toEqual([]);
});
