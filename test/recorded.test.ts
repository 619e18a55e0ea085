import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { recordEvent } from "../src/events/record.ts";
import { addJob } from "../src/queue.ts";
import { publishedListing } from "./cast.ts";
import { createWorld, type World } from "./world.ts";

let world: World;
let listingId: number;
beforeAll(async () => {
  world = await createWorld();
  listingId = (await publishedListing(world.db, world.cast.sol)).id;
});
afterAll(() => world.close());

async function happen(): Promise<number> {
  const { db, cast } = world;
  const data = { title: "Copper", sellerId: cast.sol.id, buyerId: null };
  const event = { kind: "listing_withdrawn", actorId: cast.sol.id, listingId, data } as const;
  return db.transaction().execute((trx) => recordEvent(trx, event));
}

/** The jobs that tell of an event, with all that the queue knows of each but its own number and times. */
async function jobsOf(eventId: number): Promise<Record<string, unknown>[]> {
  const { rows } = await sql<{ job: Record<string, unknown> }>`
    select to_jsonb(jobs) - '{id,created_at,updated_at,run_at}'::text[] as job from graphile_worker._private_jobs jobs
    where payload ->> 'eventId' = ${String(eventId)} and run_at <= now() order by id`.execute(world.db);
  return rows.map(({ job }) => job);
}

test("an event's job is as the queue itself would have put it there", async () => {
  const eventId = await happen();
  await addJob(world.db, "deliver_event", { eventId, listingId });
  const [own, theQueues] = await jobsOf(eventId);
  expect(own).toMatchObject({ payload: { eventId, listingId }, max_attempts: 8 });
  expect(own).toEqual(theQueues);
});

test("workers are told of it as the change is committed", async () => {
  const listener = await world.pool.connect();
  const heard: (string | undefined)[] = [];
  listener.on("notification", ({ payload }) => heard.push(payload));
  await listener.query(`listen "jobs:insert"`);
  await happen();
  await listener.query("select 1");
  listener.release(true);
  expect(heard.map((payload) => JSON.parse(payload ?? ""))).toEqual([{ r: expect.any(Number), count: 1 }]);
});

test("an event that happens before any worker has ever run has its job all the same", async () => {
  await sql`delete from graphile_worker._private_jobs`.execute(world.db);
  await sql`delete from graphile_worker._private_tasks`.execute(world.db);
  const eventId = await happen();
  expect(await jobsOf(eventId)).toHaveLength(1);
});
