import { afterAll, beforeAll, expect, test } from "vitest";
import { findListings } from "../../src/marketplace/listings.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { relistListing, withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { type Fleet, inboxOf, startFleet } from "../fleet/fleet.ts";
import { until } from "../processes.ts";
import { serve, type TestServer } from "../server.ts";
import { report, sized } from "./sizes.ts";

const EVENTS = sized(2000, 60);
const BEHIND = { NODE_OPTIONS: `--import=${new URL("../fixtures/clock-back.ts", import.meta.url).href}` };

let fleet: Fleet;
let server: TestServer;

beforeAll(async () => {
  fleet = await startFleet(0, 1);
  server = await serve(fleet.world);
  await fleet.startWorker(BEHIND);
});
afterAll(async () => {
  await server?.close();
  await fleet?.close();
});

test(`R-21: of two workers one has a clock that is an hour behind: ${EVENTS} events of one listing keep their order, in the inbox and on the screen`, async () => {
  const { world } = fleet;
  const { db, cast } = world;
  const person = await createPerson(db, { role: "buyer" });
  const { id } = await publishedListing(db, cast.sol);
  await watchListing(db, person, id);
  const stream = await server.stream(await server.signIn(person));
  for (let n = 0; n < EVENTS; n += 1) {
    // The rest is told by a clock that is wrong alone.
    if (n === EVENTS / 2) await fleet.workers[0]?.stop();
    const [listing] = await findListings(db, [id]);
    if (!listing) throw new Error("the listing is gone");
    await (listing.status === "withdrawn" ? relistListing : withdrawListing)(db, cast.sol, listing);
  }
  await fleet.allDelivered();
  const inbox = await inboxOf(world, person);
  const events = inbox.map(({ eventId }) => eventId);
  expect(inbox.map(({ seq }) => seq)).toEqual(Array.from({ length: EVENTS }, (_, at) => at + 1));
  expect(events).toEqual(events.toSorted((a, b) => a - b));
  await until(() => stream.seqs().length >= EVENTS);
  expect(stream.seqs()).toEqual(inbox.map(({ seq }) => seq));
  const [right = 0, behind = 0] = fleet.workers.map(({ logs }) => JSON.parse(logs().split("\n")[0] ?? "").time);
  report("R-21", { events: EVENTS, "minutes that one worker was behind": (right - behind) / 60_000 });
  expect(right - behind).toBeGreaterThan(3_000_000);
}, 120_000);
