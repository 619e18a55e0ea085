import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { relistListing, withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { readGroups, readListings } from "../../src/notifications/groups.ts";
import { readHead } from "../../src/notifications/heads.ts";
import { type InboxFilter, readPage } from "../../src/notifications/inbox.ts";
import { archive, markAllRead, markRead, markSeen } from "../../src/notifications/marks.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { now } from "../marketplace/shop.ts";
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

/** A buyer who watches two listings: the first was withdrawn and listed again, the second withdrawn; numbers 1, 2 and 3. */
async function told(): Promise<{ wanda: Viewer; first: ListingView; second: ListingView }> {
  const { db, cast } = world;
  const wanda = await createPerson(db, { role: "buyer" });
  const [first, second] = [await publishedListing(db, cast.sol), await publishedListing(db, cast.sol)];
  for (const { id } of [first, second]) await watchListing(db, wanda, id);
  await withdrawListing(db, cast.sol, first);
  await world.drain();
  await relistListing(db, cast.sol, await now(db, first.id));
  await world.drain();
  await withdrawListing(db, cast.sol, second);
  await world.drain();
  return { wanda, first, second };
}

async function shown(person: Viewer, filter: Partial<InboxFilter> = {}, limit = 25): Promise<number[]> {
  const all: InboxFilter = { show: "all", kind: null, listing: null, before: null };
  return (await readPage(world.db, person.id, { ...all, ...filter }, limit)).map(({ seq }) => seq);
}

async function counts(person: Viewer): Promise<[number, number]> {
  const { unread, unseen } = await readHead(world.db, person.id);
  return [unread, unseen];
}

test("U-14: what is new is unseen and unread; seen it no longer counts, and is read when it is read", async () => {
  const { wanda } = await told();
  expect(await counts(wanda)).toEqual([3, 3]);
  await markSeen(world.db, wanda.id, 2);
  expect(await counts(wanda)).toEqual([3, 1]);
  await markRead(world.db, wanda.id, 1, true);
  expect([await counts(wanda), await shown(wanda, { show: "unread" })]).toEqual([
    [2, 1],
    [3, 2],
  ]);
  await markAllRead(world.db, wanda.id, 2);
  expect([await counts(wanda), await shown(wanda)]).toEqual([
    [1, 1],
    [3, 2, 1],
  ]);
});

test("U-14: what is archived leaves the inbox and its counts, and comes back as it was", async () => {
  const { wanda } = await told();
  await archive(world.db, wanda.id, 2, true);
  expect([await counts(wanda), await shown(wanda), await shown(wanda, { show: "unread" })]).toEqual([
    [2, 2],
    [3, 1],
    [3, 1],
  ]);
  expect(await shown(wanda, { show: "archived" })).toEqual([2]);
  await archive(world.db, wanda.id, 2, false);
  expect([await counts(wanda), await shown(wanda, { show: "archived" }), await shown(wanda)]).toEqual([
    [3, 3],
    [],
    [3, 2, 1],
  ]);
});

test("U-14: it is filtered by kind and by listing, and grouped by listing, the newest first", async () => {
  const { wanda, first, second } = await told();
  expect(await shown(wanda, { kind: "listing_withdrawn" })).toEqual([3, 1]);
  expect(await shown(wanda, { listing: first.id })).toEqual([2, 1]);
  await markRead(world.db, wanda.id, 2, true);
  const groups = await readGroups(world.db, wanda.id, { show: "all", before: null }, 10);
  expect(groups.map(({ newest, count, unread }) => [newest.event.listingId, newest.seq, count, unread])).toEqual([
    [second.id, 3, 1, 1],
    [first.id, 2, 2, 1],
  ]);
  expect(await readGroups(world.db, wanda.id, { show: "all", before: 3 }, 10)).toHaveLength(1);
  const listings = await readListings(world.db, wanda, "all");
  expect(listings.map(({ value }) => value).sort()).toEqual([first.id, second.id].sort());
});

test("U-14: a page goes on where the one before ended, whatever has come meanwhile", async () => {
  const { wanda, second } = await told();
  expect(await shown(wanda, {}, 2)).toEqual([3, 2]);
  await relistListing(world.db, world.cast.sol, await now(world.db, second.id));
  await world.drain();
  expect(await shown(wanda, { before: 2 }, 2)).toEqual([1]);
  expect(await shown(wanda, {}, 2)).toEqual([4, 3]);
});

test("U-14: a mark follows to one's other devices at once, and nobody else hears of it; other people's numbers are not there", async () => {
  const { wanda } = await told();
  const [mine, others] = await Promise.all(
    [wanda, world.cast.otto].map(async (person) => server.stream(await server.signIn(person))),
  );
  const cookie = await server.signIn(wanda);
  const answer = await server.post("/notifications/3/archive", cookie, {}, { "HX-Request": "true" });
  // A row says nothing of it, wherever it is: in a page of today's or of the release before.
  const goes = ["HX-Retarget", "HX-Reswap"].map((name) => answer.headers.get(name));
  expect([answer.status, ...goes]).toEqual([200, "closest li", "outerHTML"]);
  await world.drain();
  const { data } = (await mine?.next((event) => named("inbox")(event) && /data-archived/.test(event.data))) ?? {};
  expect(data).toMatch(/id="notification-3"[^>]* data-archived/);
  expect(data).toMatch(/id="badge" data-count="2"/);
  expect(others?.events.filter(({ data }) => data.includes("notification-3"))).toEqual([]);
  expect((await server.post("/notifications/4/archive", cookie)).status).toBe(404);
  const otto = await server.signIn(world.cast.otto);
  for (const mark of ["read", "unread", "archive", "unarchive"]) {
    expect((await server.post(`/notifications/3/${mark}`, otto)).status).toBe(404);
  }
});

test("U-16: what was read or archived elsewhere meanwhile is replayed without a toast", async () => {
  const { wanda } = await told();
  await markRead(world.db, wanda.id, 1, true);
  await archive(world.db, wanda.id, 2, true);
  const stream = await server.stream(await server.signIn(wanda), "?lastEventId=0");
  await stream.next(named("heartbeat"));
  expect(stream.events.filter(named("toast")).map(({ id }) => id)).toEqual(["3"]);
  expect(stream.events.filter(({ event, id }) => event === "inbox" && id !== null).map(({ id }) => id)).toEqual([
    "1",
    "2",
  ]);
});

test("a seller's inbox offers the kinds that sellers hear of, and a buyer's those of buyers", async () => {
  const page = async (person: Viewer) => {
    const headers = { cookie: await server.signIn(person) };
    return (await fetch(`${server.url}/notifications`, { headers })).text();
  };
  const [seller, buyer] = await Promise.all([page(world.cast.sol), page(world.cast.bea)]);
  expect([/value="enquiry_received"/.test(seller), /value="enquiry_received"/.test(buyer)]).toEqual([true, false]);
  expect([/value="listing_sold"/.test(seller), /value="listing_sold"/.test(buyer)]).toEqual([true, true]);
});
