import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { releaseListing, reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { createPerson, publishedListing, signIn } from "../cast.ts";
import { atBrowser, live, rememberToasts, toastsShown } from "../journey/people.ts";
import { until } from "../processes.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";

let world: World;
let server: TestServer;
let listing: ListingView;
let somebody: Viewer;

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
  somebody = await createPerson(world.db, { role: "buyer" });
});
beforeEach(async () => {
  listing = await publishedListing(world.db, world.cast.sol);
  await watchListing(world.db, world.cast.bea, listing.id);
  await world.drain();
});
afterAll(async () => {
  await server.close();
  await world.close();
});

test("U-15: twelve tabs hold one connection, each page comes within a second, and an event is one toast in one of them", async () => {
  const { context, page } = await atBrowser(server.url, world.cast.bea);
  onTestFinished(() => context.close());
  await rememberToasts(context);
  const tabs = [page];
  while (tabs.length < 12) tabs.push(await context.newPage());
  const slow: number[] = [];
  for (const tab of tabs) {
    const began = performance.now();
    await tab.goto(`/listings/${listing.id}`);
    slow.push(performance.now() - began);
    await live(tab);
  }
  expect(Math.max(...slow)).toBeLessThan(1000);
  expect(server.streams().length).toBe(1);

  await reserve();
  for (const tab of tabs) {
    await tab.waitForSelector(`#facts-${listing.id}[data-status="reserved"]`);
    await counted(tab, 1);
  }
  const shown = await Promise.all(tabs.map((tab) => toastsShown([tab])));
  expect(shown.flat()).toEqual(["1"]);

  // The tab that showed it goes; another shows the next one.
  await tabs[shown.findIndex((numbers) => numbers.length > 0)]?.close();
  await release();
  const left = tabs.filter((tab) => !tab.isClosed());
  for (const tab of left) await counted(tab, 2);
  expect(await toastsShown(left)).toEqual(["2"]);
  expect(server.streams().length).toBe(1);
  await context.close();
  await until(() => server.streams().length === 0);
});

test("a tab that joins misses nothing since its page was made, however long its scripts took to come", async () => {
  const { context, page } = await atBrowser(server.url, world.cast.bea);
  onTestFinished(() => context.close());
  await rememberToasts(context);
  await page.goto("/listings");
  await live(page);
  const late = await context.newPage();
  let proceed = () => {};
  const held = new Promise<void>((resolve) => {
    proceed = resolve;
  });
  await late.route("**/app.js", async (route) => {
    await held;
    await route.continue();
  });
  await late.goto(`/listings/${listing.id}`, { waitUntil: "commit" });
  await late.waitForSelector(`#facts-${listing.id}[data-status="available"]`);
  const before = Number(await late.getAttribute("#badge", "data-count"));
  await reserve();
  await counted(page, before + 1);
  expect(await late.getAttribute("#badge", "data-count")).toBe(String(before));
  proceed();
  await late.waitForSelector(`#facts-${listing.id}[data-status="reserved"]`);
  await counted(late, before + 1);
  await live(late);
  expect(server.streams().length).toBe(1);
  expect(await toastsShown([page, late])).toHaveLength(1);
});

test("who signs in on the same browser never sees the last one's news, nor the last one theirs", async () => {
  const { cast } = world;
  await watchListing(world.db, cast.otto, listing.id);
  const { context, page: beas } = await atBrowser(server.url, cast.bea);
  onTestFinished(() => context.close());
  await rememberToasts(context);
  await beas.goto(`/listings/${listing.id}`);
  await live(beas);
  const before = await beas.getAttribute("#badge", "data-count");

  // The cookie becomes Otto's behind the page's back, and its stream is opened again: the worst moment there is.
  await become(context, cast.otto);
  for (const hub of server.hubs) for (const stream of hub.streams) hub.end(stream, "deploy", undefined, 10);
  await beas.waitForSelector('#connection[data-state="signed-out"]');
  expect(await beas.textContent("#alerts")).toContain("Somebody else has signed in in this browser");
  const ottos = await context.newPage();
  await ottos.goto(`/listings/${listing.id}`);
  await live(ottos);
  const [stream] = server.streams();
  expect([server.streams().length, stream?.userId]).toEqual([1, cast.otto.id]);

  await reserve();
  await ottos.waitForSelector("#toasts > .toast");
  await ottos.waitForSelector(`#facts-${listing.id}[data-status="reserved"]`);
  expect([(await toastsShown([ottos])).length, await toastsShown([beas])]).toEqual([1, []]);
  expect(await beas.getAttribute("#badge", "data-count")).toBe(before);
  expect(await beas.getAttribute(`#facts-${listing.id}`, "data-status")).toBe("available");
});

test("signed out in one tab, all say so; signed in again, the new page is live at once", async () => {
  const { context, page } = await atBrowser(server.url, world.cast.bea);
  onTestFinished(() => context.close());
  const other = await context.newPage();
  for (const tab of [page, other]) {
    await tab.goto("/listings");
    await live(tab);
  }
  await page.click("text=Sign out");
  await other.waitForSelector('#connection[data-state="signed-out"]');
  await become(context, world.cast.bea);
  await page.goto("/listings");
  await live(page);
  expect(await other.getAttribute("#connection", "data-state")).toBe("signed-out");
});

async function counted(tab: Page, count: number): Promise<void> {
  await tab.waitForSelector(`#badge[data-count="${count}"]`, { state: "attached" });
}

async function become(context: BrowserContext, person: Viewer): Promise<void> {
  const [name = "", value = ""] = (await signIn(server.url, person)).split("=");
  await context.addCookies([{ name, value, url: server.url }]);
}

async function reserve(): Promise<void> {
  await reserveListing(world.db, world.cast.sol, listing, { buyerId: somebody.id, hours: 1 });
  await world.drain();
}

async function release(): Promise<void> {
  const [present] = await findListings(world.db, [listing.id]);
  if (present) await releaseListing(world.db, world.cast.sol, present);
  await world.drain();
}
