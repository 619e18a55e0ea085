import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { addressOf, browse, PAGE_SIZE, parseFilter } from "../../src/marketplace/browse.ts";
import { publishListing } from "../../src/marketplace/publishing.ts";
import { get } from "../accounts/site.ts";
import { publishedListing, someStock } from "../cast.ts";
import { createShop, listingIn } from "./shop.ts";

let shop: Awaited<ReturnType<typeof createShop>>;
beforeAll(async () => {
  shop = await createShop();
  const { db, cast } = shop;
  await publishedListing(db, cast.sol, {
    title: "Steel coil",
    category: "metals",
    priceMinor: 300,
    quantity: 5,
    location: "Oslo",
  });
  await publishedListing(db, cast.sol, {
    title: "Copper wire",
    description: "on steel drums",
    priceMinor: 250,
    quantity: 50,
  });
  await publishedListing(db, cast.rita, {
    title: "Steelworks manual",
    category: "paper",
    priceMinor: 100,
    quantity: 500,
  });
  await publishedListing(db, cast.rita, {
    title: "Yen lot",
    category: "other",
    priceMinor: 2,
    currency: "JPY",
    quantity: 1,
  });
  await listingIn(shop, cast, "withdrawn");
  await listingIn(shop, cast, "reserved");
});
afterAll(() => shop.close());

async function titles(viewer: Viewer, query: Record<string, string>): Promise<string[]> {
  const { listings } = await browse(shop.db, viewer, parseFilter(query));
  return listings.map(({ title }) => title);
}

describe("searching", () => {
  test.each([
    ["stee", ["Steelworks manual", "Copper wire", "Steel coil"]],
    ["steel", ["Steelworks manual", "Copper wire", "Steel coil"]],
    ["STEEL coi", ["Steel coil"]],
    ['"steel drums"', ["Copper wire"]],
    ["steel -drums", ["Steel coil"]],
    ["wire or manual", ["Steelworks manual", "Copper wire"]],
    ["oslo", ["Steel coil"]],
    ["paper", ["Steelworks manual"]],
    ["teel", []],
    ["unobtainium", []],
  ])("for %j finds what has these words, the last also as a beginning", async (q, found) => {
    expect(await titles(shop.cast.bea, { q })).toEqual(found);
  });

  test.each([
    "'",
    '"',
    "((",
    "!",
    "&",
    ":*",
    "a:*",
    "\\",
    "%",
    "<->",
    "\u0000",
    "🛎️",
    "' or 1=1 --",
    "x".repeat(5000),
    "-",
    "or",
  ])("for %j is a page and no error", async (q) => {
    const { status } = await get(shop.app, `/listings?q=${encodeURIComponent(q)}`, shop.cookieOf(shop.cast.bea));
    expect(status).toBe(200);
  });
});

test("category and status let through what they say", async () => {
  expect(await titles(shop.cast.bea, { category: "paper" })).toEqual(["Steelworks manual"]);
  expect((await browse(shop.db, shop.cast.bea, parseFilter({ status: "reserved" }))).total).toBe(1);
  expect(await titles(shop.cast.bea, { category: "paper", status: "sold" })).toEqual([]);
});

test("sorting is by age, price at its face value, or quantity", async () => {
  const named = async (sort: string) =>
    (await titles(shop.cast.bea, { sort })).filter((title) => /^(Steel|Copper wire|Yen)/.test(title));
  expect(await named("newest")).toEqual(["Yen lot", "Steelworks manual", "Copper wire", "Steel coil"]);
  expect(await named("price_up")).toEqual(["Steelworks manual", "Yen lot", "Copper wire", "Steel coil"]);
  expect(await named("price_down")).toEqual(["Steel coil", "Copper wire", "Yen lot", "Steelworks manual"]);
  expect(await named("quantity")).toEqual(["Steelworks manual", "Copper wire", "Steel coil", "Yen lot"]);
});

test("what makes no sense in the address counts as left out", () => {
  const all = parseFilter({});
  expect(
    parseFilter({
      category: "weapons",
      status: ["sold", "reserved"],
      sort: "random()",
      page: "-3",
      q: ["a", "b"],
      mine: "0",
    }),
  ).toEqual(all);
});

test("a seller's own stock is there in every state, and nobody else's", async () => {
  const { cast, db } = shop;
  const mine = await browse(db, cast.sol, parseFilter({ mine: "1" }));
  expect(new Set(mine.listings.map(({ sellerId }) => sellerId))).toEqual(new Set([cast.sol.id]));
  expect(mine.listings.map(({ status }) => status)).toContain("withdrawn");
  expect((await browse(db, cast.sol, parseFilter({ mine: "1", status: "withdrawn" }))).total).toBe(1);
});

test("a withdrawn listing is there for its seller and admins, and for nobody else", async () => {
  const { cast, db } = shop;
  const totals = [cast.sol, cast.ada, cast.rita, cast.bea].map(
    async (viewer) => (await browse(db, viewer, parseFilter({ status: "withdrawn" }))).total,
  );
  expect(await Promise.all(totals)).toEqual([1, 1, 0, 0]);
});

describe("many listings", () => {
  const many = PAGE_SIZE * 2 + 3;

  test("come in numbered pages that say how many there are and keep the filters", async () => {
    const { app, cast, db, cookieOf } = shop;
    for (let number = 1; number <= many; number += 1) {
      await publishListing(db, cast.rita, { ...someStock(), title: `Gasket ${number}`, category: "machinery" });
    }
    const seen = new Set<number>();
    for (const page of [1, 2, 3]) {
      const found = await browse(db, cast.bea, parseFilter({ q: "gasket", page: String(page) }));
      expect(found).toMatchObject({ total: many, page, pages: 3 });
      for (const { id } of found.listings) seen.add(id);
    }
    expect(seen.size).toBe(many);
    const { text } = await get(app, "/listings?q=gasket&category=machinery&sort=quantity&page=2", cookieOf(cast.bea));
    expect(text).toContain(`${many} listings`);
    expect(text).toContain("Page 2 of 3");
    expect(text).toContain('href="/listings?q=gasket&amp;category=machinery&amp;sort=quantity"');
    expect(text).toContain('href="/listings?q=gasket&amp;category=machinery&amp;sort=quantity&amp;page=3"');
    expect(text.match(/<article class="card"/g)).toHaveLength(PAGE_SIZE);
  });

  test("beyond the last page show the last", async () => {
    const found = await browse(shop.db, shop.cast.bea, parseFilter({ q: "gasket", page: "99999" }));
    expect([found.page, found.listings.length]).toEqual([3, 3]);
  });
});

test("the address of a search leads to the same search", () => {
  const filter = parseFilter({
    q: "a & b=c",
    category: "metals",
    status: "sold",
    sort: "price_up",
    mine: "1",
    seller: "7",
    page: "4",
  });
  const address = new URL(addressOf(filter, 4), "http://host");
  expect(parseFilter(Object.fromEntries(address.searchParams))).toEqual(filter);
  expect(addressOf(parseFilter({}))).toBe("/listings");
});

test("nothing found says so and offers the way back", async () => {
  const { text } = await get(shop.app, "/listings?q=unobtainium", shop.cookieOf(shop.cast.bea));
  expect(text).toContain("No listing matches");
  expect(text).toContain('href="/listings">Clear the filters');
  const own = await get(shop.app, "/listings?mine=1", shop.cookieOf(shop.cast.sol));
  expect(own.text).not.toContain("You have not published anything yet");
});
