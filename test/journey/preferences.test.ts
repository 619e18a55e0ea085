import type { Page } from "playwright-core";
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

test("U-19: by keyboard on a narrow screen somebody has reservations in the inbox only, and toasts stay from then on", async () => {
  const { db, cast } = world;
  const { page } = await atBrowser(server.url, cast.otto, {
    viewport: { width: 320, height: 640 },
    timezoneId: "Asia/Tokyo",
  });
  await page.goto("/notifications");
  await reach(page, "a:text-is('Preferences')");
  await page.keyboard.press("Enter");
  await reach(page, "[name=listing_reserved]:checked");
  await page.keyboard.press("ArrowRight");
  await reach(page, "[name=keep_toasts]");
  await page.keyboard.press("Space");
  await reach(page, "button:text-is('Save preferences')");
  await page.keyboard.press("Enter");
  await page.waitForSelector("text=Your preferences are saved.");
  expect(await page.isChecked("[name=listing_reserved][value=inbox]")).toBe(true);
  expect(await page.inputValue("[name=time_zone]")).toBe("Asia/Tokyo");
  await live(page);
  await page.clock.install();
  const listing = await publishedListing(db, cast.sol);
  await reserveListing(db, cast.sol, listing, { buyerId: cast.otto.id, hours: 1 });
  await world.drain();
  await page.waitForSelector(".toast");
  await page.clock.runFor(60_000);
  expect(await page.locator(".toast:not(.is-leaving)").count()).toBe(1);
  await page.keyboard.press("Escape");
  await page.clock.runFor(1000);
  expect(await page.locator(".toast").count()).toBe(0);
});

test("why: the reason opens under its row, mutes and unmutes there, outlives the row's renewal, and Escape closes it", async () => {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol);
  await watchListing(db, cast.bea, listing.id);
  await reserveListing(db, cast.sol, listing, { buyerId: cast.otto.id, hours: 1 });
  await world.drain();
  const { page, context, problems } = await atBrowser(server.url, cast.bea);
  await page.goto("/notifications");
  await live(page);
  const reason = page.locator(".inbox-row .inbox-reason");
  await reason.press("Enter");
  await page.getByRole("button", { name: /^Mute this listing/ }).press("Enter");
  const unmute = page.getByRole("button", { name: /^Unmute this listing/ });
  await unmute.waitFor();
  const other = await context.newPage();
  await other.goto("/notifications");
  await other.getByRole("button", { name: /^Mark read/ }).click();
  await other.waitForSelector('.inbox-row[data-read="true"]');
  await world.drain();
  await page.waitForSelector('.inbox-row[data-read="true"]');
  expect(await unmute.evaluate((button) => button === button.ownerDocument.activeElement)).toBe(true);
  await unmute.press("Enter");
  await page.getByRole("button", { name: /^Mute this listing/ }).waitFor();
  expect(await reason.getAttribute("aria-expanded")).toBe("true");
  await page.keyboard.press("Escape");
  expect(await page.locator(".why-panel").count()).toBe(0);
  expect(await reason.evaluate((link) => link === link.ownerDocument.activeElement)).toBe(true);
  await reason.press("Enter");
  await page.waitForSelector(".why-panel");
  await reason.press("Enter");
  expect(await page.locator(".why-panel").count()).toBe(0);
  expect(problems).toEqual([]);
});

/** Goes on by Tab until the focus is there. */
async function reach(page: Page, selector: string): Promise<void> {
  const there = page.locator(selector);
  for (let steps = 0; steps < 60; steps += 1) {
    await page.keyboard.press("Tab");
    if (await there.evaluate((element) => element === element.ownerDocument.activeElement)) return;
  }
  throw new Error(`Tab does not lead to ${selector}.`);
}
