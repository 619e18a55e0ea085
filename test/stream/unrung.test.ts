import { afterAll, beforeAll, expect, test } from "vitest";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { publishedListing } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import type { SseClient } from "../sse.ts";
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

const ofKind = (stream: SseClient, kind: string, shown: string) =>
  stream.events.filter(({ event, data }) => event === kind && data.includes(shown));

test("a change whose bell was lost, by a bus that was well, is found and shown once: the card to all, the event to admins", async () => {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol);
  await world.drain();
  const since = new Date();
  const [bea, ada] = await Promise.all(
    [cast.bea, cast.ada].map(async (person) => server.stream(await server.signIn(person))),
  );
  if (!bea || !ada) throw new Error("somebody is missing");
  await withdrawListing(db, cast.sol, listing);
  await server.hub.showChangesSince(since);
  // Of what is withdrawn a buyer is told the state alone.
  const card = `id="card-${listing.id}"`;
  await bea.next(({ event, data }) => event === "market" && data.includes(card));
  await ada.next(({ event, data }) => event === "oversight" && data.includes(listing.title));
  expect(ofKind(bea, "oversight", listing.title)).toEqual([]);

  await server.hub.showChangesSince(since);
  const later = await publishedListing(db, cast.sol);
  await server.hub.showChangesSince(since);
  await bea.next(({ event, data }) => event === "market" && data.includes(later.title));
  await ada.next(({ event, data }) => event === "oversight" && data.includes(later.title));
  for (const [stream, kind, shown] of [
    [bea, "market", card],
    [ada, "market", card],
    [ada, "oversight", listing.title],
  ] as const) {
    expect(ofKind(stream, kind, shown)).toHaveLength(1);
  }
});
