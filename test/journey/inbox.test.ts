import { afterAll, beforeAll, expect, test } from "vitest";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { publishedListing } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";
import { atBrowser, live } from "./people.ts";

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

test("U-13: with scripting off the inbox is read, marked and left", async () => {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol);
  await watchListing(db, cast.bea, listing.id);
  await reserveListing(db, cast.sol, listing, { buyerId: cast.bea.id, hours: 1 });
  await world.drain();
  const { page } = await atBrowser(server.url, cast.bea, { javaScriptEnabled: false });
  await page.goto("/notifications?show=unread");
  const row = page.locator(".inbox-row").first();
  expect(await row.locator(".inbox-link").textContent()).toBe(`Serrano Metals reserved ${listing.title} for you`);
  await row.getByRole("button", { name: /^Mark read/ }).click();
  expect(await row.getAttribute("data-read")).toBe("true");
  await row.getByRole("button", { name: /^Mark unread/ }).click();
  expect(await row.getAttribute("data-read")).toBe("false");
  await page.getByRole("button", { name: "Clear the count" }).click();
  expect(await page.getAttribute("#badge", "data-count")).toBe("0");
  await page.getByRole("button", { name: "Mark all read" }).click();
  expect(await page.locator('.inbox-row[data-read="false"]').count()).toBe(0);
  await row.locator(".inbox-link").click();
  expect(new URL(page.url()).pathname).toBe(`/listings/${listing.id}`);
});

test("U-18: whoever acts gets no notification of the own action, and the own other tab shows the new state all the same", async () => {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol);
  await world.drain();
  const { page, context } = await atBrowser(server.url, cast.sol);
  await page.goto(`/listings/${listing.id}`);
  const other = await context.newPage();
  await other.goto("/listings?mine=1");
  await live(other);
  await page.locator("summary", { hasText: "Withdraw" }).click();
  await page.getByRole("button", { name: "Withdraw listing" }).click();
  await page.waitForSelector(`#facts-${listing.id}[data-status="withdrawn"]`);
  await world.drain();
  await other.waitForSelector(`#card-${listing.id}[data-status="withdrawn"]`);
  expect(await other.locator(".toast").count()).toBe(0);
  expect(await other.getAttribute("#badge", "data-count")).toBe("0");
});
