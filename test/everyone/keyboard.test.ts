import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { openContext } from "../browser.ts";
import { PASSWORD, publishedListing } from "../cast.ts";
import { live } from "../journey/people.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";

const measures = readFileSync(new URL("in-page.js", import.meta.url), "utf8");

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

test("U-06: a listing is found, watched, asked about, answered, reserved and heard of by keyboard alone, the focus in sight at every step", async () => {
  const { cast } = world;
  const listing = await publishedListing(world.db, cast.sol, { title: "Zinc ingots" });
  await publishedListing(world.db, cast.sol, { title: "Lead sheet" });
  await world.drain();

  const bea = await signInByKeys(cast.bea);
  await go(bea, ".nav a:text-is('Browse')");
  await reach(bea, "#field-q");
  await bea.keyboard.type("zinc");
  await bea.keyboard.press("Enter");
  await bea.waitForURL(/q=zinc/);
  await go(bea, ".card-link");
  await live(bea);
  await reach(bea, "button:has-text('Watch')");
  await bea.keyboard.press("Space");
  await bea.waitForSelector(`#watch-button-${listing.id}:focus:has-text('Stop watching')`);
  await write(bea, "#field-message", "Is it in bond?");
  await bea.waitForSelector("text=Sent. The answer will ring here.");
  await world.drain();

  const sol = await signInByKeys(cast.sol);
  await go(sol, ".bell");
  await go(sol, ".inbox-link");
  await live(sol);
  await write(sol, "textarea", "It is, at Rotterdam.");
  await sol.waitForSelector(".message[data-mine=true]");
  await world.drain();
  await hear(bea, "Sol Serrano replied about Zinc ingots");

  await go(sol, "a:text-is('See the listing')");
  await live(sol);
  await reach(sol, "summary:has-text('Reserve')");
  await sol.keyboard.press("Enter");
  await reach(sol, "#field-buyer");
  await sol.keyboard.type(cast.bea.email);
  await sol.keyboard.press("Enter");
  await sol.waitForSelector(`#notice-${listing.id} > :focus`);
  await world.drain();

  await hear(bea, "Serrano Metals reserved Zinc ingots for you");
  await bea.keyboard.press("Enter");
  await bea.waitForSelector("h2:text-is('Reserved for you')");
  await go(bea, ".bell");
  await live(bea);
  await reach(bea, ".inbox-link");
  await bea.keyboard.press("ArrowDown");
  await shows(bea);
  await bea.keyboard.press("u");
  await bea.waitForSelector(".inbox-row:nth-child(2)[data-read=true]");
  await bea.keyboard.press("ArrowUp");
  await bea.keyboard.press("e");
  await bea.waitForSelector(".inbox-row:nth-child(1)[data-archived]");
});

async function signInByKeys(person: Viewer): Promise<Page> {
  const context = await openContext({ baseURL: server.url, locale: "en-GB", viewport: { width: 1280, height: 720 } });
  const page = await context.newPage();
  await page.goto("/");
  await go(page, "a:text-is('Sign in')");
  await reach(page, "#field-email");
  await page.keyboard.type(person.email);
  await reach(page, "#field-password");
  await page.keyboard.type(PASSWORD);
  await page.keyboard.press("Enter");
  await live(page);
  return page;
}

/** Follows a link. */
async function go(page: Page, selector: string): Promise<void> {
  await reach(page, selector);
  const from = page.url();
  await page.keyboard.press("Enter");
  await page.waitForURL((url) => url.href !== from);
}

/** Writes into a field and presses the button that comes after it. */
async function write(page: Page, selector: string, text: string): Promise<void> {
  await reach(page, selector);
  await page.keyboard.type(text);
  await page.keyboard.press("Tab");
  await shows(page);
  await page.keyboard.press("Enter");
}

/** Goes to the newest toast as soon as it is there. */
async function hear(page: Page, words: string): Promise<void> {
  await page.locator(".toast", { hasText: words }).waitFor();
  await page.keyboard.press("F8");
  expect(await page.innerText(":focus .toast-text")).toBe(words);
  await shows(page);
}

/** Goes on by Tab until the focus is there. */
async function reach(page: Page, selector: string): Promise<void> {
  const there = page.locator(selector).first();
  for (let steps = 0; steps < 80; steps += 1) {
    await page.keyboard.press("Tab");
    await shows(page);
    if (await there.evaluate((element) => element === element.ownerDocument.activeElement)) return;
  }
  throw new Error(`Tab does not lead to ${selector}.`);
}

/** What has the focus is in sight, with a ring around it. */
async function shows(page: Page): Promise<void> {
  await page.evaluate(`globalThis.everyone ?? (() => { ${measures} })()`);
  const wrong = "document.activeElement === document.body ? [] : [everyone.hiddenFocus(), everyone.ringless()]";
  expect((await page.evaluate<(string | null)[]>(wrong)).filter(Boolean), page.url()).toEqual([]);
}
