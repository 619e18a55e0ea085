import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { createCrowd, publishedListing } from "../cast.ts";
import { type Fleet, startFleet } from "../fleet/fleet.ts";

const WATCHERS = 5000;
const WARM_UP = 2;
const ROUNDS = 30;
const TOLD = WARM_UP + ROUNDS;

let fleet: Fleet;
let crowd: number[];

beforeAll(async () => {
  fleet = await startFleet(1, 1);
  crowd = (await createCrowd(fleet.world.db, WATCHERS)).map(({ id }) => id);
});
afterAll(() => fleet.close());

test(`the answer does not wait for the fan-out: with ${WATCHERS} watchers it takes as long as with none, and all are told within three seconds`, async () => {
  const { world } = fleet;
  const [web] = fleet.webs;
  if (!web) throw new Error("there is no web process");
  const cookie = await fleet.signIn(web, world.cast.sol);
  const quiet = await publishedListing(world.db, world.cast.sol);
  const loud = await publishedListing(world.db, world.cast.sol);
  await sql`insert into watches (user_id, listing_id) select unnest(${crowd}::bigint[]), ${loud.id}`.execute(world.db);

  const act = async (listing: ListingView) => {
    const [present] = await findListings(world.db, [listing.id]);
    const what = present?.status === "withdrawn" ? "relisting" : "withdrawal";
    const began = performance.now();
    const answer = await fleet.post(web, `/listings/${listing.id}/${what}`, cookie, {
      version: String(present?.version),
    });
    const took = performance.now() - began;
    expect(answer.status).toBe(303);
    await answer.arrayBuffer();
    return took;
  };
  const times = { none: [] as number[], all: [] as number[], told: [] as number[] };
  for (let round = 0; round < TOLD; round += 1) {
    // Each begins when nothing else is under way.
    const none = await act(quiet);
    await fleet.allDelivered();
    const all = await act(loud);
    const answered = performance.now();
    await fleet.allDelivered();
    if (round < WARM_UP) continue;
    times.none.push(none);
    times.all.push(all);
    times.told.push(performance.now() - answered);
  }
  expect(await inboxesAreRight()).toBe(true);
  const [none, all] = [p95(times.none), p95(times.all)];
  console.log(
    `fan-out: answer p95 with no watcher ${none.toFixed(1)} ms, with ${WATCHERS} ${all.toFixed(1)} ms; all told after at most ${Math.max(...times.told).toFixed(0)} ms`,
  );
  expect(all).toBeLessThan(none * 1.5);
  expect(Math.max(...times.told)).toBeLessThan(3000);
}, 60_000);

async function inboxesAreRight(): Promise<boolean> {
  const { rows } = await sql<{ wrong: number }>`
    select count(*) as wrong from inboxes where user_id = any(${crowd}::bigint[]) and (last_seq <> ${TOLD} or unread <> ${TOLD} or ${TOLD} <>
      (select count(distinct seq) from notifications where recipient_id = user_id and seq between 1 and ${TOLD}))`.execute(
    fleet.world.db,
  );
  return rows[0]?.wrong === 0;
}

function p95(times: number[]): number {
  return times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? 0;
}
