import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { relistListing, withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { createCrowd, createPerson, publishedListing } from "../cast.ts";
import { type Fleet, startFleet } from "../fleet/fleet.ts";
import { announced, rowOf, wrongInboxes } from "../oversight/announcing.ts";
import { until } from "../processes.ts";
import type { SseClient } from "../sse.ts";

const PEOPLE = 10_000;
const LONGEST_MS = 60_000;

let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet(1, 1);
  await createCrowd(fleet.world.db, PEOPLE);
});
afterAll(() => fleet.close());

test(`while ${PEOPLE} people are told of an announcement in batches, what happens to a listing is told as fast as ever`, async () => {
  const { db, cast } = fleet.world;
  const [web] = fleet.webs;
  if (!web) throw new Error("there is no web process");
  const watcher = await createPerson(db, { role: "seller" });
  // A seller is told by an admin's hand: nobody else is, and no announcement to buyers.
  const listing = await publishedListing(db, watcher);
  const stream = await fleet.stream(web, await fleet.signIn(web, watcher));
  await watchListing(db, cast.bea, listing.id);
  const before: number[] = [];
  for (let time = 0; time < 15; time += 1) before.push(await timeTold(listing, stream));

  const during: number[] = [];
  const began = performance.now();
  const id = await announced(db, cast.ada);
  await until(async () => (await rowOf(db, id)).told > 0);
  while ((await rowOf(db, id)).state === "sending" && performance.now() - began < LONGEST_MS) {
    during.push(await timeTold(listing, stream));
    await pause(100);
  }
  const took = performance.now() - began;
  const { state, told, total } = await rowOf(db, id);
  console.log(
    `announcement: ${told} told in ${(took / 1000).toFixed(1)} s; meanwhile ${during.length} changes, each told after p50 ${at(during, 0.5)} ms, p95 ${at(during, 0.95)} ms, at most ${at(during, 1)} ms; before p50 ${at(before, 0.5)} ms, p95 ${at(before, 0.95)} ms`,
  );
  expect({ state, told }).toEqual({ state: "sent", told: total });
  expect(total).toBe(PEOPLE + 2);
  expect(during.length).toBeGreaterThan(20);
  expect(at(during, 0.95)).toBeLessThan(500);
  expect(await wrongInboxes(db)).toEqual([]);
}, 120_000);

/** From an admin's act to the seller's stream, in ms. */
async function timeTold({ id }: ListingView, stream: SseClient): Promise<number> {
  const { db, cast } = fleet.world;
  const [present] = await findListings(db, [id]);
  if (!present) throw new Error("it is gone");
  const next = stream.seqs().length + 1;
  const began = performance.now();
  await (present.status === "withdrawn" ? relistListing : withdrawListing)(db, cast.ada, present);
  await stream.next(({ event, id: seq }) => event === "toast" && seq === String(next));
  return performance.now() - began;
}

function at(times: number[], share: number): number {
  const sorted = times.toSorted((one, other) => one - other);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}
