import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { updateListing } from "../../src/marketplace/publishing.ts";
import { createCrowd, publishedListing, someStock } from "../cast.ts";
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

test(`an edit that takes the place of ${WATCHERS} unread rows costs a few times what the first one did, and not more the more there are`, async () => {
  const { world } = fleet;
  const listing = await publishedListing(world.db, world.cast.sol);
  await sql`insert into watches (user_id, listing_id) select unnest(${crowd}::bigint[]), ${listing.id}`.execute(
    world.db,
  );
  await fleet.allDelivered();
  const edit = async (quantity: number) => {
    const [present] = await findListings(world.db, [listing.id]);
    if (!present) throw new Error("it is gone");
    await updateListing(world.db, world.cast.sol, present, { ...someStock(), title: listing.title, quantity });
    const began = performance.now();
    await fleet.allDelivered();
    return performance.now() - began;
  };
  const first = await edit(2000);
  const others = [await edit(2001), await edit(2002), await edit(2003)];
  const { rows } = await sql<{ live: number; steps: number }>`
    select count(*)::int as live, min((edits ->> 'steps')::int) as steps from notifications
    where edits_of = ${listing.id} and superseded_at is null`.execute(world.db);
  expect(rows).toEqual([{ live: WATCHERS, steps: 4 }]);
  console.log(
    `fan-out: first edit ${first.toFixed(0)} ms, later ones ${others.map((ms) => ms.toFixed(0)).join(", ")} ms`,
  );
  expect(Math.min(...others)).toBeLessThan(first * 8);
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
