import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { releaseListing, reserveListing } from "../../src/marketplace/reservations.ts";
import { unwatchListing, watchListing } from "../../src/marketplace/watches.ts";
import { relistListing, withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { readHead } from "../../src/notifications/heads.ts";
import { markAllRead } from "../../src/notifications/marks.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import { named } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

const TITLE = "Niobium rods";
const WITHHELD = "An update that you can no longer see";

let world: World;
let server: TestServer;
let listing: ListingView;
let bea: Viewer;
let otto: Viewer;

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
});
afterAll(async () => {
  await server.close();
  await world.close();
});

// Both watched and were told twice; Otto watches no more.
beforeEach(async () => {
  const { db, cast } = world;
  bea = await createPerson(db, { role: "buyer" });
  otto = await createPerson(db, { role: "buyer" });
  listing = await publishedListing(db, cast.sol, { title: TITLE });
  for (const buyer of [bea, otto]) await watchListing(db, buyer, listing.id);
  await reserveListing(db, cast.sol, listing, { buyerId: cast.bea.id, hours: 1 });
  await releaseListing(db, cast.sol, await now());
  await world.drain();
  await unwatchListing(db, otto, listing.id);
});

async function now(): Promise<ListingView> {
  return (await findListings(world.db, [listing.id]))[0] as ListingView;
}

async function withdraw(): Promise<void> {
  await withdrawListing(world.db, world.cast.ada, await now());
  await world.drain();
}

async function get(cookie: string, path: string): Promise<string> {
  return (await fetch(server.url + path, { headers: { Cookie: cookie }, redirect: "manual" })).text();
}

/** All that a person is shown of their inbox, in each of the ways, and of the market since a time. */
async function shownTo(person: Viewer, since: Date): Promise<Record<string, string>> {
  const cookie = await server.signIn(person);
  const { lastSeq } = await readHead(world.db, person.id);
  const stream = await server.stream(cookie, `?lastEventId=0&since=${since.toISOString()}`);
  await stream.next(named("heartbeat"));
  await markAllRead(world.db, person.id, lastSeq);
  await world.drain();
  await stream.next(({ event, data }) => event === "inbox" && data.includes("inbox-row"));
  const answer = await server.post(`/notifications/1/unread`, cookie, {}, { "HX-Request": "true" });
  await world.drain();
  stream.close();
  return {
    inbox: await get(cookie, "/notifications"),
    unread: await get(cookie, "/notifications?show=unread"),
    answer: await answer.text(),
    stream: JSON.stringify(stream.events),
    fallback: await get(cookie, `/stream/fallback?after=0&since=${since.toISOString()}`),
  };
}

describe("U-21: of a listing that an admin has withdrawn", () => {
  test("whoever has nothing more to do with it is shown no word, and the same rows and counts; whoever watches reads it", async () => {
    const since = new Date();
    const before = await readHead(world.db, otto.id);
    await withdraw();
    const [shown, toBea] = [await shownTo(otto, since), await shownTo(bea, since)];
    for (const [way, all] of Object.entries(shown)) {
      // The filter names every kind there is.
      const html = all.replace(/<select[^>]*id="field-kind"[\s\S]*?<\/select>/, "");
      expect([way, html]).toEqual([way, expect.stringContaining(WITHHELD)]);
      for (const word of [TITLE, "Serrano", "listing_", "You watch", `/listings/${listing.id}`]) {
        expect([way, html]).toEqual([way, expect.not.stringContaining(word)]);
      }
    }
    for (const html of Object.values(toBea)) expect(html).toContain(TITLE);
    expect(shown["inbox"]?.match(/<li class="inbox-row"/g)).toHaveLength(2);
    expect(await readHead(world.db, otto.id)).toMatchObject({ lastSeq: before.lastSeq, unread: 1 });
  });

  test("a replay and a poll have the numbers and rows, and no toast, however many there are", async () => {
    await withdraw();
    const stream = await server.stream(await server.signIn(otto), "?lastEventId=0");
    await stream.next(named("heartbeat"));
    expect(stream.seqs()).toEqual([1, 2]);
    expect(stream.events.filter(named("toast"))).toEqual([]);
    expect(JSON.stringify(stream.events)).not.toContain('<article class=\\"toast\\"');
    stream.close();
    await relistListing(world.db, world.cast.ada, await now());
    await watchListing(world.db, otto, listing.id);
    for (const _ of [1, 2]) {
      await withdraw();
      await relistListing(world.db, world.cast.ada, await now());
      await world.drain();
    }
    await withdraw();
    await unwatchListing(world.db, otto, listing.id);
    const { lastSeq } = await readHead(world.db, otto.id);
    const polled = await get(await server.signIn(otto), "/stream/fallback?after=0");
    expect(polled).not.toContain("<article");
    expect(polled.match(new RegExp(`"inbox-link"[^>]*>${WITHHELD}`, "g"))).toHaveLength(lastSeq);
    expect(polled).not.toContain(TITLE);
  });

  test("all is there again when it is listed again", async () => {
    await withdraw();
    const cookie = await server.signIn(otto);
    expect(await get(cookie, "/notifications")).not.toContain(TITLE);
    await relistListing(world.db, world.cast.ada, await now());
    await world.drain();
    const inbox = await get(cookie, "/notifications");
    expect(inbox).toContain(`Serrano Metals reserved ${TITLE}`);
    expect(inbox).not.toContain(WITHHELD);
  });
});
