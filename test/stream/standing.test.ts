import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { expireReservation, releaseListing, reserveListing, sellListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { readHead } from "../../src/notifications/heads.ts";
import { markRead } from "../../src/notifications/marks.ts";
import { publishedListing } from "../cast.ts";
import { letPass } from "../marketplace/shop.ts";
import { until } from "../processes.ts";
import { serve, type TestServer } from "../server.ts";
import { named, type SseClient } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

let world: World;
let server: TestServer;
let listing: ListingView;
const cookies = {} as Record<keyof World["cast"], string>;

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
  for (const [name, person] of Object.entries(world.cast)) {
    cookies[name as keyof World["cast"]] = await server.signIn(person);
  }
});
afterAll(async () => {
  await server.close();
  await world.close();
});
beforeEach(async () => {
  listing = await publishedListing(world.db, world.cast.sol);
  await watchListing(world.db, world.cast.otto, listing.id);
  await world.drain();
});
afterEach(async () => {
  server.streams().forEach((stream) => void stream.connection.cut("client"));
  await until(() => server.streams().length === 0);
});

type Action = typeof sellListing;

async function act(action: Action): Promise<void> {
  const [present] = await findListings(world.db, [listing.id]);
  await action(world.db, world.cast.sol, present as ListingView);
  await world.drain();
}

const reserveFor =
  (buyer: Viewer): Action =>
  (db, actor, target) =>
    reserveListing(db, actor, target, { buyerId: buyer.id, hours: 1 });

/** The piece for one listing as of a version. */
async function piece(client: SseClient | undefined, version: number): Promise<string> {
  const pattern = new RegExp(`<i data-about="${listing.id}" data-version="${version}">.*?</i>`);
  const found = await client?.next(({ event, data }) => event === "market" && pattern.test(data));
  return found?.data.match(pattern)?.[0] ?? "";
}

/** What a fragment says of the notification of that number: for each row or toast its version, and the note beside it. */
function slots(html: string, seq: number): [string, string][] {
  const pattern = new RegExp(
    `data-notification="${seq}"[^>]*data-offer.*?class="standing" data-version="(\\d+)">(?:<span[^>]*>([^<]*)</span>)?</span>`,
    "g",
  );
  return [...html.matchAll(pattern)].map(([, version, note]) => [version ?? "", note ?? ""]);
}

async function page(path: string): Promise<string> {
  const answer = await fetch(server.url + path, { headers: { Cookie: cookies.otto } });
  return answer.text();
}

test("how a listing stands comes to those who were offered it, each as they see it, and to no seller", async () => {
  const [bea, otto, sol, rita] = await Promise.all(
    (["bea", "otto", "sol", "rita"] as const).map((name) => server.stream(cookies[name])),
  );
  await act(reserveFor(world.cast.bea));
  const forOtto = await piece(otto, 2);
  expect(forOtto).toMatch(/<b data-offer="open"><span[^>]*>Reserved meanwhile</);
  expect(forOtto).toMatch(/<b data-offer="yours"><span[^>]*>No longer reserved for you</);
  expect(await piece(bea, 2)).toMatch(/^<i [^>]*><\/i>$/);
  await act(sellListing);
  for (const client of [bea, otto]) expect((await piece(client, 3)).match(/No longer available/g)).toHaveLength(2);
  const own = await publishedListing(world.db, world.cast.rita);
  await world.drain();
  await rita?.next(({ data }) => data.includes(`data-listing="${own.id}"`));
  for (const client of [sol, rita]) expect(JSON.stringify(client?.events)).not.toContain("data-about");
  expect(sol?.events.filter(named("market")).length).toBeGreaterThan(0);
});

test("what is told live leaves room for it, as of the version that it made; what is read says how it stands by now", async () => {
  const otto = await server.stream(cookies.otto);
  await act(reserveFor(world.cast.bea));
  await act(releaseListing);
  const toast = await otto.next(({ event, data }) => event === "toast" && data.includes("available again"));
  const seq = Number(toast.id);
  expect(slots(toast.data, seq)).toEqual([
    ["3", ""],
    ["3", ""],
  ]);
  otto.close();
  await act(reserveFor(world.cast.bea));
  expect(slots(await page("/notifications"), seq)).toEqual([["4", "Reserved meanwhile"]]);
  await act(sellListing);
  const corrected = ["5", "No longer available"];
  expect(slots(await page("/notifications"), seq)).toEqual([corrected]);
  const again = await server.stream(cookies.otto, `?lastEventId=${seq - 1}`);
  const replayed = await again.next(({ id }) => id === String(seq));
  expect(slots(replayed.data, seq)).toEqual([corrected, corrected]);
  expect(slots(await page(`/stream/fallback?after=${seq - 1}`), seq)).toEqual([corrected, corrected]);
  await markRead(world.db, world.cast.otto.id, seq, true);
  await world.drain();
  const marks = await again.next(({ event, data }) => event === "inbox" && data.includes(`notification-${seq}"`));
  expect(slots(marks.data, seq)).toEqual([corrected]);
  const answer = await server.post(`/notifications/${seq}/unread`, cookies.otto, {}, { "HX-Request": "true" });
  expect(slots(await answer.text(), seq)).toEqual([corrected]);
});

test("after an absence the stream and the polls bring how listings stand that changed meanwhile", async () => {
  const since = new Date().toISOString();
  await act(reserveFor(world.cast.bea));
  const { lastSeq } = await readHead(world.db, world.cast.otto.id);
  const otto = await server.stream(cookies.otto, `?lastEventId=${lastSeq}&since=${since}`);
  expect(await piece(otto, 2)).toContain("Reserved meanwhile");
  const polled = await page(`/stream/fallback?after=${lastSeq}&since=${since}`);
  expect(polled).toMatch(new RegExp(`<i data-about="${listing.id}" data-version="2">.*Reserved meanwhile`));
  const own = await fetch(`${server.url}/stream/fallback?after=0&since=${since}`, { headers: { Cookie: cookies.sol } });
  expect(await own.text()).not.toContain("data-about");
});

test("a reservation that lapses is no longer the buyer's, and the listing is there for those who watch it", async () => {
  const { db, cast } = world;
  await act(reserveFor(cast.bea));
  const { lastSeq } = await readHead(db, cast.bea.id);
  const { id } = await db
    .selectFrom("reservations")
    .select("id")
    .where("listing_id", "=", listing.id)
    .executeTakeFirstOrThrow();
  await letPass(db, listing.id, 2);
  await expireReservation(db, id);
  await world.drain();
  const inbox = await fetch(`${server.url}/notifications`, { headers: { Cookie: cookies.bea } });
  expect(slots(await inbox.text(), lastSeq)).toEqual([["3", "No longer reserved for you"]]);
  const { lastSeq: told } = await readHead(db, cast.otto.id);
  expect(slots(await page("/notifications"), told)).toEqual([["3", ""]]);
});
