import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import type { Db } from "../../src/db.ts";
import { findEvent, type LoggedEvent } from "../../src/events/log.ts";
import { recordEvent } from "../../src/events/record.ts";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { deliverAlone, deliverEvent } from "../../src/notifications/deliver.ts";
import { readAfter } from "../../src/notifications/inbox.ts";
import { store } from "../../src/notifications/store.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { allowPoison, cure, poison } from "../poison.ts";
import { createWorld, type World } from "../world.ts";

const PASSES = "57014";

let world: World;
let listing: ListingView;
let reader: Viewer;
beforeAll(async () => {
  world = await createWorld();
  await allowPoison(world.db);
});
afterAll(() => world.close());

/** So many things happen to a new listing that a new reader watches. */
async function happened(count: number): Promise<number[]> {
  const { db, cast } = world;
  listing = await publishedListing(db, cast.sol);
  reader = await createPerson(db, { role: "buyer" });
  await watchListing(db, reader, listing.id);
  await world.drain();
  const ids: number[] = [];
  for (let n = 0; n < count; n += 1) ids.push(await happen());
  return ids;
}

async function happen(): Promise<number> {
  const { db, cast } = world;
  const data = { title: listing.title, sellerId: cast.sol.id, buyerId: null };
  const event = { kind: "listing_withdrawn", actorId: cast.sol.id, listingId: listing.id, data } as const;
  return db.transaction().execute((trx) => recordEvent(trx, event));
}

async function told(): Promise<number[]> {
  return (await readAfter(world.db, reader.id, 0, 100)).map((notice) => notice.event.id);
}

async function jobsAlone(id: number | undefined): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) from graphile_worker._private_jobs jobs join graphile_worker._private_tasks tasks
    on tasks.id = task_id where identifier = 'deliver_alone' and (payload ->> 'eventId')::bigint = ${id}`.execute(
    world.db,
  );
  return rows[0]?.count ?? 0;
}

test("R-15: an event that cannot be delivered leaves its lane: those after it are told in order, it is told when it can be", async () => {
  const [first, bad, ...after] = (await happened(5)) as [number, number, ...number[]];
  await poison(world.db, [bad]);
  await deliverEvent(world, after[1] ?? 0);
  expect(await told()).toEqual([first, ...after]);
  expect(await jobsAlone(bad)).toBe(1);
  await deliverEvent(world, bad);
  await expect(deliverAlone(world, bad)).rejects.toThrow("poisoned");
  await cure(world.db, [bad]);
  await deliverAlone(world, bad);
  expect(await told()).toEqual([first, ...after, bad]);
});

test("R-15: however many fail to deliver it at the same time, it gets one job of its own", async () => {
  const ids = await happened(8);
  const [bad = 0] = ids;
  await poison(world.db, [bad]);
  await Promise.all(ids.map((id) => deliverEvent(world, id)));
  await world.drain();
  expect(await told()).toEqual(ids.slice(1));
  expect(await jobsAlone(bad)).toBe(1);
});

test("R-15: while the reason may pass by itself, the others wait behind it and the order holds", async () => {
  const [first, held, after] = (await happened(3)) as [number, number, number];
  await poison(world.db, [held], PASSES);
  for (const attempt of [1, 2]) await expect(deliverEvent(world, after, attempt)).rejects.toThrow("poisoned");
  expect(await told()).toEqual([first]);
  await cure(world.db, [held]);
  await deliverEvent(world, after, 3);
  expect(await told()).toEqual([first, held, after]);
  expect(await jobsAlone(held)).toBe(0);
});

test("R-15: but they do not wait for ever", async () => {
  const [held, after] = (await happened(2)) as [number, number];
  await poison(world.db, [held], PASSES);
  await deliverEvent(world, after, 3);
  expect(await told()).toEqual([after]);
  expect(await jobsAlone(held)).toBe(1);
});

test("R-01: a job whose own event is delivered already delivers what waits behind it, should nobody else know of that", async () => {
  const [first] = (await happened(1)) as [number];
  await deliverEvent(world, first);
  const second = await happen();
  await deliverEvent(world, first, 2);
  expect(await told()).toEqual([first, second]);
});

test("a job says in which lane its event waits, or as those of earlier releases does not: both tell of it", async () => {
  const { db } = world;
  const [first, second] = (await happened(2)) as [number, number];
  await sql`update graphile_worker._private_jobs set payload = json_build_object('eventId', ${second}::bigint)
    where payload ->> 'eventId' = ${String(second)}`.execute(db);
  await sql`delete from graphile_worker._private_jobs where payload ->> 'eventId' = ${String(first)}`.execute(db);
  await world.drain();
  expect(await told()).toEqual([first, second]);
  const third = await happen();
  await deliverEvent(world, third, 1, listing.id);
  expect(await told()).toEqual([first, second, third]);
});

test("whoever delivers an event alone waits for whoever delivers it in its lane, before the inboxes", async () => {
  const [id] = (await happened(1)) as [number];
  const deliveries = await world.db.transaction().execute(async (trx) => {
    await trx.selectFrom("inboxes").select("user_id").where("user_id", "=", reader.id).forUpdate().execute();
    const inLane = deliverEvent(world, id, 1, listing.id);
    await expect.poll(waiters).toBe(1);
    const alone = deliverAlone(world, id);
    await expect.poll(waiters).toBe(2);
    return [inLane, alone];
  });
  await Promise.all(deliveries);
  expect(await told()).toEqual([id]);
});

test("what stores goes by indexes, however small the tables were when its plan was kept, and nothing after it does", async () => {
  const [id] = (await happened(1)) as [number];
  const plans = (db: Db) => sql<{ enable_seqscan: string }>`show enable_seqscan`.execute(db);
  await world.db.connection().execute(async (one) => {
    const within = await one.transaction().execute(async (trx) => {
      await store(trx, (await findEvent(trx, id)) as LoggedEvent);
      return plans(trx);
    });
    expect([...within.rows, ...(await plans(one)).rows]).toEqual([{ enable_seqscan: "off" }, { enable_seqscan: "on" }]);
  });
});

/** How many statements wait for a lock. */
async function waiters(): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(distinct pid) from pg_locks where not granted
      and pid in (select pid from pg_stat_activity where datname = current_database())`.execute(world.db);
  return rows[0]?.count ?? 0;
}
