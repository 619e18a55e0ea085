import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { releaseListing, reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { readHead } from "../../src/notifications/heads.ts";
import { markRead, markSeen } from "../../src/notifications/marks.ts";
import { publishedListing } from "../cast.ts";
import { until } from "../processes.ts";
import { serve, type TestServer } from "../server.ts";
import { named, type SseClient } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

let world: World;
let server: TestServer;
let listing: ListingView;
let cookies: { bea: string; otto: string; sol: string; rita: string; ada: string };

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
  const { bea, otto, sol, rita, ada } = world.cast;
  const [one, two, three, four, five] = await Promise.all([bea, otto, sol, rita, ada].map(server.signIn));
  cookies = { bea: one ?? "", otto: two ?? "", sol: three ?? "", rita: four ?? "", ada: five ?? "" };
});
afterAll(async () => {
  await server.close();
  await world.close();
});
beforeEach(async () => {
  listing = await publishedListing(world.db, world.cast.sol);
  await watchListing(world.db, world.cast.bea, listing.id);
  await world.drain();
});
afterEach(async () => {
  server.streams().forEach((stream) => void stream.connection.cut("client"));
  await until(() => server.streams().length === 0);
});

async function reserve(): Promise<void> {
  const [present] = await findListings(world.db, [listing.id]);
  if (!present) throw new Error("it is gone");
  if (present.status === "reserved") await releaseListing(world.db, world.cast.sol, present);
  const [free] = await findListings(world.db, [listing.id]);
  await reserveListing(world.db, world.cast.sol, free ?? present, { buyerId: world.cast.otto.id, hours: 1 });
  await world.drain();
}

async function lastOf(name: "bea" | "otto"): Promise<number> {
  return (await readHead(world.db, world.cast[name].id)).lastSeq;
}

function hello(client: SseClient): { state: string; replayed: number; last: number } {
  return JSON.parse(client.events[0]?.data ?? "null");
}

test("hello comes first and says how the stream stands: fresh without a cursor, resumed with one", async () => {
  const fresh = await server.stream(cookies.bea);
  expect(fresh.status).toBe(200);
  expect(fresh.headers["content-type"]).toMatch(/^text\/event-stream/);
  expect(fresh.events[0]?.event).toBe("hello");
  const { id: user } = world.cast.bea;
  expect(hello(fresh)).toMatchObject({ state: "fresh", replayed: 0, last: await lastOf("bea"), user });
  const resumed = await server.stream(cookies.bea, `?lastEventId=${await lastOf("bea")}`);
  expect(hello(resumed)).toMatchObject({ state: "resumed", replayed: 0 });
});

test("a toast reaches the one it concerns, numbered, with badge and inbox row; a rival seller and the actor get none", async () => {
  const [bea, rita, sol] = await Promise.all(
    [cookies.bea, cookies.rita, cookies.sol].map((cookie) => server.stream(cookie)),
  );
  await reserve();
  const toast = await bea?.next(named("toast"));
  const seq = await lastOf("bea");
  expect(toast?.id).toBe(String(seq));
  expect(toast?.data).toContain(`<article class="toast" data-notification="${seq}"`);
  expect(toast?.data).toMatch(/id="badge" data-count="\d+"/);
  expect(toast?.data).toContain(`id="notification-${seq}"`);
  await sol?.next(named("market"));
  expect(sol?.seqs()).toEqual([]);
  expect(rita?.events.map(({ event }) => event)).not.toContain("toast");
});

test("market: buyers, the owner and admins see the card change; a rival seller does not", async () => {
  const [bea, sol, ada, rita] = await Promise.all(
    [cookies.bea, cookies.sol, cookies.ada, cookies.rita].map((cookie) => server.stream(cookie)),
  );
  await reserve();
  for (const client of [bea, sol, ada]) {
    const card = await client?.next(
      ({ event, data }) => event === "market" && data.includes(`id="card-${listing.id}"`),
    );
    expect(card?.data).toContain('data-status="reserved"');
    expect(card?.id).toBeNull();
  }
  const own = await publishedListing(world.db, world.cast.rita);
  await world.drain();
  const news = await rita?.next(named("market"));
  expect(news?.data).toContain(`data-listing="${own.id}"`);
  expect(JSON.stringify(rita?.events)).not.toContain(`data-listing="${listing.id}"`);
});

test("market: only its owner and the buyer it is reserved for are shown what is theirs to do", async () => {
  const [bea, otto, sol] = await Promise.all(
    [cookies.bea, cookies.otto, cookies.sol].map((cookie) => server.stream(cookie)),
  );
  await reserve();
  const [forBea, forOtto, forSol] = await Promise.all([bea, otto, sol].map((client) => client?.next(named("market"))));
  expect(forSol?.data).toContain(`/listings/${listing.id}/release`);
  expect(forOtto?.data).toMatch(/reserved for you/i);
  expect(forBea?.data).not.toMatch(/(?<!no longer )reserved for you/i);
  expect(forBea?.data).not.toContain(`/listings/${listing.id}/release`);
  expect(forBea?.data).not.toMatch(/Otto|Olsen/);
});

test("market: a burst is at most four messages a second, and the latest state wins", async () => {
  const otto = await server.stream(cookies.otto);
  const began = Date.now();
  for (let n = 0; n < 12; n += 1) await reserve();
  const [last] = await findListings(world.db, [listing.id]);
  await otto.next(({ event, data }) => event === "market" && data.includes(`data-version="${last?.version}"`));
  const seconds = (Date.now() - began) / 1000;
  const messages = otto.events.filter(named("market"));
  expect(messages.length).toBeLessThanOrEqual(Math.ceil(seconds * 4) + 1);
});

test("oversight: of more than two hundred missed events an admin's page is told to read itself again, of fewer each is told", async () => {
  const since = new Date().toISOString();
  const missed = async () => {
    const stream = await server.stream(cookies.ada, `?since=${since}`);
    const { data } = await stream.next(named("oversight"));
    stream.close();
    return data;
  };
  expect(await missed()).toContain(listing.title);
  await sql`
    insert into events (kind, listing_id, data, delivered_at)
    select 'listing_withdrawn', ${listing.id}, '{"title":"Gone","sellerId":1}', now() from generate_series(1, 201)
  `.execute(world.db);
  expect(await missed()).toMatch(/id="reread"/);
  await world.db.deleteFrom("events").where("kind", "=", "listing_withdrawn").execute();
});

test("oversight: an admin sees every event as it happens; nobody else gets one", async () => {
  const [ada, bea, sol] = await Promise.all(
    [cookies.ada, cookies.bea, cookies.sol].map((cookie) => server.stream(cookie)),
  );
  await reserve();
  const event = await ada?.next(({ event, data }) => event === "oversight" && data.includes("listing_reserved"));
  expect(event?.data).toContain(listing.title);
  await bea?.next(named("toast"));
  await sol?.next(named("market"));
  expect([...(bea?.events ?? []), ...(sol?.events ?? [])].filter(named("oversight"))).toEqual([]);
});

test("inbox: marks made elsewhere follow at once, with the absolute count; nobody else gets them", async () => {
  await reserve();
  const [bea, otto] = await Promise.all([cookies.bea, cookies.otto].map((cookie) => server.stream(cookie)));
  const seq = await lastOf("bea");
  await markRead(world.db, world.cast.bea.id, seq, true);
  await world.drain();
  const marks = await bea?.next(({ event, data }) => event === "inbox" && data.includes(`id="notification-${seq}"`));
  expect(marks?.data).toMatch(new RegExp(`id="notification-${seq}"[^>]*data-read="true"`));
  await markSeen(world.db, world.cast.bea.id, seq);
  await world.drain();
  await bea?.next(({ event, data }) => event === "inbox" && data.includes('data-count="0"'));
  expect(otto?.events.filter(({ data }) => data.includes(`id="notification-${seq}"`))).toEqual([]);
});

test("what was committed between a page's rendering and its stream's opening is told: by number, and by time", async () => {
  const cursor = await lastOf("bea");
  const renderedAt = new Date().toISOString();
  await reserve();
  const bea = await server.stream(cookies.bea, `?lastEventId=${cursor}&since=${renderedAt}`);
  expect(hello(bea)).toMatchObject({ state: "resumed", replayed: 1 });
  expect((await bea.next(named("toast"))).id).toBe(String(cursor + 1));
  await bea.next(({ event, data }) => event === "market" && data.includes(`id="card-${listing.id}"`));
});

test("up to three missed come each by itself, more than three as one summary with every row", async () => {
  const cursor = await lastOf("bea");
  for (let n = 0; n < 2; n += 1) await reserve();
  const few = await server.stream(cookies.bea, `?lastEventId=${cursor}`);
  await few.next(({ id }) => id === String(cursor + 3));
  expect(few.events.filter(named("toast"))).toHaveLength(3);
  await reserve();
  const many = await server.stream(cookies.bea, `?lastEventId=${cursor}`);
  const summary = await many.next(named("toast"));
  expect(summary.id).toBe(String(cursor + 5));
  expect(summary.data).toContain('data-missed="5"');
  expect(many.seqs()).toEqual([1, 2, 3, 4, 5].map((n) => cursor + n));
});

test("nothing in the address names a user: another's id changes nothing", async () => {
  const rita = await server.stream(
    cookies.rita,
    `?user=${world.cast.bea.id}&u=${world.cast.bea.id}&channel=user:${world.cast.bea.id}`,
  );
  const bea = await server.stream(cookies.bea);
  await reserve();
  await bea.next(named("toast"));
  expect(rita.events.filter(named("toast"))).toEqual([]);
});

test("without a session there is no stream and no polling", async () => {
  for (const path of ["/stream", "/stream/fallback?after=0"]) {
    const answer = await fetch(server.url + path, { redirect: "manual" });
    expect(answer.status).toBe(401);
    expect(answer.headers.get("location")).toBeNull();
  }
});

test("polling brings the same toast, badge, row and card from the same cursor, and nothing when there is nothing", async () => {
  const cursor = await lastOf("bea");
  const since = new Date().toISOString();
  await reserve();
  const answer = await fetch(`${server.url}/stream/fallback?after=${cursor}&since=${since}`, {
    headers: { Cookie: cookies.bea },
  });
  const html = await answer.text();
  expect(answer.status).toBe(200);
  expect(html).toContain(`<article class="toast" data-notification="${cursor + 1}"`);
  expect(html).toContain(`id="card-${listing.id}"`);
  expect(answer.headers.get("Stockbell-Cursor")).toBe(String(cursor + 1));
  const again = await fetch(`${server.url}/stream/fallback?after=${cursor + 1}`, { headers: { Cookie: cookies.bea } });
  expect(again.status).toBe(204);
});

test("a page that missed more than a hundred changed cards is told to read itself again, by stream and by polling", async () => {
  const { db, cast } = world;
  const since = new Date(Date.now() + 10_000).toISOString();
  const calm = await server.stream(cookies.bea, `?lastEventId=0&since=${since}`);
  await Promise.all(Array.from({ length: 101 }, () => publishedListing(db, cast.rita)));
  const stream = await server.stream(cookies.bea, `?lastEventId=0&since=${since}`);
  const told = await stream.next(({ event }) => event === "market");
  expect(told.data).toBe('<span id="reread" hidden hx-swap-oob="true"></span>');
  const answer = await fetch(`${server.url}/stream/fallback?after=${await lastOf("bea")}&since=${since}`, {
    headers: { Cookie: cookies.bea },
  });
  expect(await answer.text()).toBe(told.data);
  expect(calm.events.filter(({ data }) => data.includes("reread"))).toEqual([]);
});
