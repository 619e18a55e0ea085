import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { updateListing } from "../../src/marketplace/publishing.ts";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { publishedListing } from "../cast.ts";
import { now } from "../marketplace/shop.ts";
import { until } from "../processes.ts";
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
  await row.getByRole("button", { name: "Archive" }).click();
  expect(await page.locator(".inbox-row").count()).toBe(0);
  await page.getByRole("button", { name: "Undo" }).click();
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

test("edits come as one row and one toast, in place, in every tab; marks follow to every tab, and archiving is undone", async () => {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol, { title: "Zinc sheet", priceMinor: 900_00 });
  await watchListing(db, cast.otto, listing.id);
  await world.drain();
  const { page, context, problems } = await atBrowser(server.url, cast.otto);
  await context.addInitScript(
    "navigator.setAppBadge = (count) => { window.iconShows = count; return Promise.resolve(); }",
  );
  await page.goto("/notifications");
  const other = await context.newPage();
  await other.goto("/account");
  await Promise.all([live(page), live(other)]);
  await price(listing, 880_00);
  const toast = other.locator("#toasts > .toast");
  await toast.getByText("from €900.00 to €880.00").waitFor();
  await price(listing, 850_00);
  await toast.getByText("from €900.00 to €850.00").waitFor();
  const row = page.locator(".inbox-row");
  await row.getByText("from €900.00 to €850.00").waitFor();
  expect([await toast.count(), await row.count()]).toEqual([1, 1]);
  expect(await row.locator(".inbox-detail").textContent()).toBe("From €900.00 to €850.00, 2 edits");
  await until(async () => (await counted(other)) === "(1) 1");
  expect(await other.getByRole("link", { name: "Notifications, 1 unread" }).count()).toBe(1);

  await page.bringToFront();
  await until(async () => (await counted(other)) === "0");
  await row.locator(".inbox-link").focus();
  await page.keyboard.press("e");
  await page.waitForSelector(".inbox-row[data-archived]");
  await page.keyboard.press("e");
  await page.waitForSelector(".inbox-row:not([data-archived])");
  await other.goto("/notifications");
  await row.getByRole("button", { name: "Mark read" }).click();
  await page.waitForSelector('.inbox-row[data-read="true"]');
  await world.drain();
  await other.waitForSelector('.inbox-row[data-read="true"]');
  expect(problems).toEqual([]);
});

/** The count in a tab's title, and what its app's icon shows. */
function counted(tab: Page): Promise<string> {
  return tab.evaluate<string>(
    "[/^\\(.*?\\)/.exec(document.title)?.[0], window.iconShows].filter((n) => n !== undefined).join(' ')",
  );
}

/** Sol asks another price, and it is delivered. */
async function price({ id }: ListingView, priceMinor: number): Promise<void> {
  const listing = await now(world.db, id);
  const { title, description, category, quantity, unit, currency, location } = listing;
  const said = { title, description, category, quantity, unit, currency, location };
  await updateListing(world.db, world.cast.sol, listing, { ...said, priceMinor });
  await world.drain();
}

test("the app's icon shows nothing any more once its reader is signed out", async () => {
  const { context, page } = await atBrowser(server.url, world.cast.otto);
  await context.addInitScript("navigator.clearAppBadge = () => { window.cleared = true; return Promise.resolve(); }");
  await page.goto("/account");
  await live(page);
  expect(await page.evaluate("window.cleared")).toBe(undefined);
  await page.getByRole("button", { name: "Sign out" }).first().click();
  await page.waitForURL((url) => url.pathname !== "/account");
  expect(await page.evaluate("window.cleared")).toBe(true);
});
