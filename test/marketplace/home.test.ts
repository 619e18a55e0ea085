import { afterAll, beforeAll, expect, test } from "vitest";
import { enquire } from "../../src/marketplace/enquiries.ts";
import { updateListing } from "../../src/marketplace/publishing.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { markAllRead } from "../../src/notifications/marks.ts";
import { get } from "../accounts/site.ts";
import { publishedListing, someStock } from "../cast.ts";
import { createShop, listingIn } from "./shop.ts";

let shop: Awaited<ReturnType<typeof createShop>>;
beforeAll(async () => {
  shop = await createShop();
});
afterAll(() => shop.close());

async function home(name: "bea" | "otto" | "sol" | "rita") {
  return (await get(shop.app, "/", shop.cookieOf(shop.cast[name]))).text;
}

test("before anything has happened, each home says what to do", async () => {
  expect(await home("bea")).toContain("You do not watch anything yet");
  expect(await home("bea")).toContain("Nothing is reserved for you");
  expect(await home("sol")).toContain("You have nothing on the market");
  expect((await get(shop.app, "/enquiries", shop.cookieOf(shop.cast.sol))).text).toContain("No enquiries yet");
  expect((await get(shop.app, "/listings", shop.cookieOf(shop.cast.bea))).text).toContain("Nothing on the market yet");
  expect((await get(shop.app, "/listings?mine=1", shop.cookieOf(shop.cast.sol))).text).toContain(
    "You have not published anything yet",
  );
});

test("a stranger sees the front page and an admin is led to the oversight", async () => {
  const front = await get(shop.app, "/");
  expect(front.status).toBe(200);
  expect(front.text).toContain('href="/sign-up');
  const admin = await get(shop.app, "/", shop.cookieOf(shop.cast.ada));
  expect([admin.status, admin.headers.location]).toEqual([303, "/oversight"]);
});

test("a buyer's home has what they watch, what is kept for them and what they asked, and nothing of another's", async () => {
  const { db, cast } = shop;
  const watched = await publishedListing(db, cast.sol, { title: "Watched by Bea" });
  await watchListing(db, cast.bea, watched.id);
  const reserved = await listingIn(shop, cast, "reserved");
  const thread = await enquire(db, cast.bea, watched.id, "Bea asks");
  const [beas, ottos] = [await home("bea"), await home("otto")];
  expect(beas).toContain(`id="card-${watched.id}"`);
  expect(beas).toContain(`href="/listings/${reserved.id}"`);
  expect(beas).toContain(reserved.reservedUntil?.toISOString());
  expect(beas).toContain(`href="/enquiries/${thread}"`);
  for (const text of ["Watched by Bea", `/listings/${reserved.id}"`, `/enquiries/${thread}"`])
    expect(ottos).not.toContain(text);
});

test("a seller's home counts their stock by state and shows who asks, who watches and what is reserved", async () => {
  const { db, cast } = shop;
  const { id } = await publishedListing(db, cast.rita, { title: "Rita's favourite" });
  await watchListing(db, cast.bea, id);
  await watchListing(db, cast.otto, id);
  const thread = await enquire(db, cast.otto, id, "Otto asks");
  const [ritas, sols] = [await home("rita"), await home("sol")];
  expect(ritas).toMatch(/href="\/listings\?mine=1&amp;status=available">1</);
  expect(ritas).toMatch(/href="\/listings\?mine=1&amp;status=sold">0</);
  expect(ritas).toContain(`href="/enquiries/${thread}"`);
  expect(ritas).toMatch(/<td data-label="Watching" class="num">2<\/td>\s*<td data-label="Asked" class="num">1</);
  expect(sols).not.toContain(`/enquiries/${thread}"`);
  expect(sols).toContain("Bea Brandt, Brandt Bau");
});

test("a buyer's home has what moved that they have not read, and nothing that they have, nor of another's", async () => {
  const { db, cast } = shop;
  const { id, version } = await publishedListing(db, cast.sol, { title: "Moving stock", priceMinor: 100_00 });
  await watchListing(db, cast.otto, id);
  expect(await home("otto")).toContain("Nothing has moved that you have not read");
  await updateListing(db, cast.sol, { id, version }, { ...someStock(), title: "Moving stock", priceMinor: 90_00 });
  await shop.world.drain();
  expect(await movedOn("otto")).toEqual(["Serrano Metals lowered the price of Moving stock"]);
  expect((await movedOn("bea")).join()).not.toContain("Moving stock");
  await markAllRead(db, cast.otto.id, 99);
  expect(await movedOn("otto")).toEqual([]);
});

async function movedOn(name: "bea" | "otto"): Promise<string[]> {
  return [...(await home(name)).matchAll(/class="inbox-link"[^>]*>([^<]*)</g)].map(([, words = ""]) => words);
}
