import { afterAll, beforeAll, expect, test } from "vitest";
import { watchListing } from "../../src/marketplace/watches.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { readHead } from "../../src/notifications/heads.ts";
import { startWorker } from "../../src/runner.ts";
import { publishedListing } from "../cast.ts";
import { until } from "../processes.ts";
import { createWorld, type World } from "../world.ts";

let world: World;

beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

test("an event is delivered within seconds though its job is long to wait for its next try, and one that left its lane is not", async () => {
  const { db, cast, pool } = world;
  const [listing, other] = [await publishedListing(db, cast.sol), await publishedListing(db, cast.sol)];
  await watchListing(db, cast.bea, listing.id);
  await watchListing(db, cast.otto, other.id);
  await world.drain();
  await withdrawListing(db, cast.sol, listing);
  await withdrawListing(db, cast.sol, other);
  await pool.query("update graphile_worker._private_jobs set run_at = now() + interval '1 hour'");
  await pool.query("update events set occurred_at = now() - interval '1 minute' where delivered_at is null");
  await pool.query("update events set left_lane_at = now() where listing_id = $1 and delivered_at is null", [other.id]);
  const worker = await startWorker(world);
  await until(async () => (await readHead(db, cast.bea.id)).lastSeq === 1);
  await worker.stop();
  expect((await readHead(db, cast.otto.id)).lastSeq).toBe(0);
});
