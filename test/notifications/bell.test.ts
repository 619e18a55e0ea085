import { afterAll, beforeAll, expect, test } from "vitest";
import type { Bus } from "../../src/bus.ts";
import { enquire } from "../../src/marketplace/enquiries.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { deliverEvent } from "../../src/notifications/deliver.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import { named } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

let world: World;
let server: TestServer;

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
});
afterAll(async () => {
  await server.close();
  await world.close();
});

/** A bus that never rings: as if the worker were killed after its commit. */
function silentBus(publish: () => Promise<void>): Bus {
  return { ...world.bus, up: true, publish };
}

async function withdrawn(): Promise<{ eventId: number; stream: Awaited<ReturnType<TestServer["stream"]>> }> {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol);
  const person = await createPerson(db, { role: "buyer" });
  await watchListing(db, person, listing.id);
  await world.drain();
  const stream = await server.stream(await server.signIn(person));
  await withdrawListing(db, cast.sol, listing);
  const { id } = await db.selectFrom("events").select("id").orderBy("id", "desc").limit(1).executeTakeFirstOrThrow();
  return { eventId: id, stream };
}

test("a worker that is killed between its commit and the bell still leads to exactly one toast, when its job runs again", async () => {
  const { eventId, stream } = await withdrawn();
  const killed = new Error("killed");
  await deliverEvent({ ...world, bus: silentBus(() => Promise.reject(killed)) }, eventId);
  expect(stream.events.filter(named("toast"))).toEqual([]);
  await deliverEvent(world, eventId, 2);
  await stream.next(named("toast"), 1000);
  await deliverEvent(world, eventId, 3);
  await stream.next(named("market"));
  expect(stream.seqs()).toEqual([1]);
});

test("and if nobody ever rings, the sweep finds it within seconds, once", async () => {
  const { eventId, stream } = await withdrawn();
  const silent = { ...world, bus: silentBus(async () => {}) };
  await deliverEvent(silent, eventId);
  await stream.next(named("toast"), 8000);
  expect(stream.seqs()).toEqual([1]);
});

test("what is said in a thread is told to its other person, and sends nobody the listing's card; a change of the listing does", async () => {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol);
  await world.drain();
  const [sol, otto] = await Promise.all(
    [cast.sol, cast.otto].map(async (person) => server.stream(await server.signIn(person))),
  );
  if (!sol || !otto) throw new Error("somebody is missing");
  const cards = () => otto.events.filter(({ event, data }) => event === "market" && data.includes(listing.title));
  // Cards go out a few times a second: with the first of these has gone whatever waited.
  const shown = async () => {
    const marker = await publishedListing(db, cast.sol);
    await world.drain();
    await otto.next(({ event, data }) => event === "market" && data.includes(marker.title));
    return cards().length;
  };
  const before = await shown();
  await enquire(db, cast.bea, listing.id, "Is it still there?");
  await world.drain();
  await sol.next(({ event, data }) => event === "toast" && data.includes(listing.title));
  expect(await shown()).toBe(before);
  await withdrawListing(db, cast.sol, listing);
  await world.drain();
  await otto.next(({ data }) => data.includes(`id="card-${listing.id}"`) && data.includes('data-status="withdrawn"'));
});
