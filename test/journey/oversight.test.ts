import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { pushHealth } from "../../src/oversight/health-push.ts";
import { startWorker } from "../../src/runner.ts";
import { publishedListing } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";
import { type AtBrowser, atBrowser, live } from "./people.ts";

let world: World;
let server: TestServer;
let worker: { stop(): Promise<void> };
let ada: AtBrowser;

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
  worker = await startWorker(world);
  ada = await atBrowser(server.url, world.cast.ada);
});
afterAll(async () => {
  await worker.stop();
  await server.close();
  await world.close();
});

/** The titles of the rows that the log shows, newest first. */
const titles = (page: Page) => page.locator("#events > tr:not([hidden]) .log-listing").allInnerTexts();
const shows = (page: Page, title: string) => page.locator("#events > tr:not([hidden])", { hasText: title }).waitFor();

test("a narrowed log goes on by itself with what fits, and shows nothing else", async () => {
  const { sol, rita } = world.cast;
  await ada.page.goto(`/oversight?person=${sol.id}`);
  await live(ada.page);
  await publishedListing(world.db, sol, { title: "First of Sol's" });
  await shows(ada.page, "First of Sol's");
  await publishedListing(world.db, rita, { title: "One of Rita's" });
  await publishedListing(world.db, sol, { title: "Second of Sol's" });
  await shows(ada.page, "Second of Sol's");
  expect(await titles(ada.page)).toEqual(["Second of Sol's", "First of Sol's"]);
});

test("a paused log stands still and counts; resumed it has everything, in order", async () => {
  const { sol } = world.cast;
  await ada.page.goto("/oversight");
  await live(ada.page);
  await ada.page.getByRole("button", { name: "Pause" }).press("Enter");
  const before = await titles(ada.page);
  const names = ["Held 1", "Held 2", "Held 3"];
  for (const title of names) await publishedListing(world.db, sol, { title });
  await ada.page.getByRole("button", { name: "Resume: 3 new" }).waitFor();
  expect(await titles(ada.page)).toEqual(before);
  await ada.page.getByRole("button", { name: "Resume: 3 new" }).press("Enter");
  await shows(ada.page, "Held 3");
  expect((await titles(ada.page)).slice(0, 4)).toEqual([...names.toReversed(), before[0]]);
  expect(await ada.page.getByRole("button", { name: "Pause" }).count()).toBe(1);
});

test("more than the log holds that comes while it is paused is neither lost nor left out: older pages have it", async () => {
  const { rita } = world.cast;
  await ada.page.goto("/oversight");
  await live(ada.page);
  await ada.page.getByRole("button", { name: "Pause" }).click();
  const [first] = await Promise.all(
    Array.from({ length: 230 }, (_, n) => publishedListing(world.db, rita, { title: `Many ${n}` })),
  );
  expect((first as ListingView).id).toBeGreaterThan(0);
  await ada.page.getByRole("button", { name: "Resume: 230 new" }).click({ timeout: 20_000 });
  const seen: string[] = await idsOf(ada.page, "#events");
  expect(seen.length).toBe(200);
  while (await ada.page.locator("#log-older [rel=next]").isVisible()) {
    await ada.page.locator("#log-older [rel=next]").click();
    await ada.page.waitForURL(/before=/);
    const more = await idsOf(ada.page, "#events-before");
    if (more.length === 0) break;
    seen.push(...more);
  }
  const all = await world.db.selectFrom("events").select("id").orderBy("id", "desc").execute();
  expect(seen).toEqual(all.map(({ id }) => String(id)));
});

const idsOf = (page: Page, list: string) =>
  page.locator(`${list} > tr:not([hidden])`).evaluateAll((rows) => rows.map((row) => row.dataset.event ?? ""));

test("health is brought up to date where it stands: focus, selection and place stay, nothing is read out, and paused it waits", async () => {
  const { page } = ada;
  const stops = server.hubs.map((hub) => pushHealth(hub, world.db, world.log, 50));
  const version = () => page.getAttribute("#health", "data-version").then(Number);
  const isNewer = async (than: number) => (await version()) > than;
  await page.goto("/oversight/health");
  await live(page);
  expect(await page.locator("#health").locator("xpath=ancestor-or-self::*[@aria-live or @role]").count()).toBe(0);
  await page.evaluate(`
    window.marked = document.querySelector("#health tbody");
    getSelection().selectAllChildren(document.querySelector("#speed-title"));
    document.querySelector("#health a").focus({ preventScroll: true });
    scrollTo(0, 300);`);
  const before = await version();
  await expect.poll(() => isNewer(before)).toBe(true);
  await page.waitForSelector("#health [data-process]");
  expect(
    await page.evaluate("[marked.isConnected, String(getSelection()), document.activeElement.pathname, scrollY]"),
  ).toEqual([true, "From change to screen", "/oversight/jobs", 300]);
  await page.getByRole("button", { name: "Pause" }).press("Enter");
  const held = await version();
  expect(await pushed(page)).toContain('id="health"');
  expect(await version()).toBe(held);
  await page.getByRole("button", { name: "Resume" }).press("Enter");
  await expect.poll(() => isNewer(held)).toBe(true);
  for (const stop of stops) stop();
});

test("on a phone the log's filter opens at a press, with scripts or without; where there is room it is in sight", async () => {
  const { page } = await atBrowser(server.url, world.cast.ada, { javaScriptEnabled: false });
  const person = page.getByLabel("Person");
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.goto("/oversight");
  await person.fill("Sol");
  await person.press("Enter");
  await page.getByRole("link", { name: /Show those of every person/ }).waitFor();
  await page.setViewportSize({ width: 320, height: 640 });
  await page.goto("/oversight");
  expect(await person.isVisible()).toBe(false);
  await page.locator("summary", { hasText: "Filter" }).press("Enter");
  await person.fill("nobody like it");
  await person.press("Enter");
  await page.getByText("Nobody is called that.").waitFor();
  expect(await person.inputValue()).toBe("nobody like it");
  await page.context().close();
});

/** The next push of how everything fares that this page is given, once it has been dealt with. */
function pushed(page: Page): Promise<string> {
  return page.evaluate(`new Promise((done) => document.addEventListener("htmx:sseMessage", ({ detail }) =>
    setTimeout(() => done(detail.data)), { once: true }))`);
}

test("what is painted on a screen is known on the event's page, from commit to pixel", async () => {
  const { sol, bea } = world.cast;
  const listing = await publishedListing(world.db, sol);
  await watchListing(world.db, bea, listing.id);
  const buyer = await atBrowser(server.url, bea);
  await buyer.page.goto("/listings");
  await live(buyer.page);
  const told = buyer.page.waitForResponse((answer) => answer.url().endsWith("/stream/shown"));
  await reserveListing(world.db, sol, listing, { buyerId: bea.id, hours: 1 });
  expect((await told).status()).toBe(204);
  for (const hub of server.hubs) await hub.sightings.flush();
  await ada.page.goto("/oversight?kind=listing_reserved");
  await ada.page.locator("#events .log-what a").first().click();
  expect(await ada.page.locator(`[data-told="${bea.id}"] [data-label="Shown"]`).innerText()).toMatch(/\d+ ms|\d sec/);
  expect(await ada.page.getByRole("main").innerText()).toMatch(/On a screen\s+[\d.]+ (ms|sec) later/);
  await buyer.context.close();
});
