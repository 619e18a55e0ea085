import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { letPass, listingIn } from "../marketplace/shop.ts";
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

/** The listing's page and the home page of somebody whose browser's clock is wrong. @param hours ahead of ours */
async function openBoth(person: Viewer, id: number, hours: number) {
  const { context, page, problems } = await atBrowser(server.url, person);
  await context.addInitScript(`{
    const ahead = ${hours} * 3_600_000;
    const RealDate = Date;
    globalThis.Date = class extends RealDate {
      constructor(...given) {
        if (given.length > 0) super(...given);
        else super(RealDate.now() + ahead);
      }
      static now() {
        return RealDate.now() + ahead;
      }
    };
  }`);
  const home = await context.newPage();
  await home.goto("/");
  await page.goto(`/listings/${id}`);
  for (const tab of [home, page]) await live(tab);
  return { page, home, problems };
}

test("both sides count down alike with browsers an hour ahead and an hour behind, through an extension to the release, without a reload", async () => {
  const { db, cast } = world;
  const { id } = await listingIn(world, cast, "reserved");
  await letPass(db, id, 23.5);
  await world.drain();
  const sol = await openBoth(cast.sol, id, 1);
  const bea = await openBoth(cast.bea, id, -1);
  const tabs = [sol.page, sol.home, bea.page, bea.home];
  for (const tab of tabs) {
    expect(await tab.evaluate("Math.round((Date.now() - Date.parse(document.body.dataset.at)) / 3_600_000)")).not.toBe(
      0,
    );
    expect(await tab.innerText(".countdown-left")).toMatch(/^(30|29)\smins left$/);
    expect(await tab.innerText(".countdown-soon")).toBe("Ends soon");
  }

  for (const { page } of [sol, bea]) expect(await page.innerText(".facts time")).toBe("now");

  await sol.page.click("summary:has-text('Extend…')");
  await sol.page.fill("#field-more-hours", "48");
  await sol.page.click("button:text-is('Extend it')");
  await sol.page.waitForSelector(`#notice-${id} > :focus`);
  expect(await sol.page.innerText(`#notice-${id}`)).toMatch(
    /^The reservation is extended. It lasts until .*\d{4}, \d\d:\d\d.$/,
  );
  await world.drain();
  for (const tab of tabs) await tab.waitForSelector(".countdown[data-state=far]");
  for (const tab of tabs) expect(await tab.innerText(".countdown-left")).toMatch(/^2\sdays left$/);
  expect(await bea.page.locator(".toast").allInnerTexts()).toEqual([expect.stringContaining("By 48 hours")]);

  await letPass(db, id, 49);
  await world.drain();
  for (const tab of [sol.page, bea.page]) {
    await tab.waitForSelector(`#facts-${id}[data-status=available]`);
    expect(await tab.innerText(`#actions-${id} h2`)).toBe("Available now");
  }
  for (const tab of [sol.home, bea.home]) await tab.waitForSelector(`#reserved-${id} [data-status=available]`);
  for (const tab of tabs) expect(await countdowns(tab)).toBe(0);
  expect([...sol.problems, ...bea.problems]).toEqual([]);
});

test("without scripts both sides read until when it is kept, and the seller extends it", async () => {
  const { cast } = world;
  const { id, reservedUntil } = await listingIn(world, cast, "reserved");
  const { page } = await atBrowser(server.url, cast.sol, { javaScriptEnabled: false });
  await page.goto(`/listings/${id}`);
  expect(await page.getAttribute(".countdown-end time", "datetime")).toBe(reservedUntil?.toISOString());
  expect(await page.innerText(".countdown")).toMatch(/^until \d+ \w+ \d{4}, \d\d:\d\d UTC$/i);
  await page.click("summary:has-text('Extend…')");
  await page.fill("#field-more-hours", "1000");
  await page.click("button:text-is('Extend it')");
  expect(await page.innerText("#field-more-hours-error")).toContain("Enter a whole number of hours from 1 to 720.");
  await page.fill("#field-more-hours", "2");
  await page.click("button:text-is('Extend it')");
  const later = new Date(Number(reservedUntil) + 2 * 3_600_000).toISOString();
  expect(await page.getAttribute(".countdown-end time", "datetime")).toBe(later);
  expect(await page.innerText(`#history-${id}`)).toContain("extended by 2 hours");
});

function countdowns(tab: Page): Promise<number> {
  return tab.locator("[data-countdown]").count();
}
