import { afterAll, beforeAll, expect, test } from "vitest";
import { watchListing } from "../../src/marketplace/watches.ts";
import { startWorker } from "../../src/runner.ts";
import { publishedListing } from "../cast.ts";
import { startProxy } from "../faults/proxy.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";
import { actAs, atBrowser, live } from "./people.ts";

let world: World;
let server: TestServer;
let worker: { stop(): Promise<void> };

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
  worker = await startWorker(world);
});
afterAll(async () => {
  await worker.stop();
  await server.close();
  await world.close();
});

test("a buyer's browser asks for nothing while it waits for half a minute, and then is told", async () => {
  const { otto, rita } = world.cast;
  const { url } = server;
  const listing = await publishedListing(world.db, rita);
  await watchListing(world.db, otto, listing.id);
  // A worker's requests are not the page's: what counts is what leaves the browser.
  const line = await startProxy(() => [Number(new URL(url).port)]);
  const waiting = await atBrowser(line.url, otto);
  await waiting.page.goto(`/listings/${listing.id}`);
  await live(waiting.page);
  const asked = line.asked();
  // What is measured is that nothing happens for this long: there is no event to wait for.
  await waiting.page.waitForTimeout(30_000);
  const seller = await atBrowser(url, rita);
  await seller.page.goto(`/listings/${listing.id}`);
  await actAs(seller, "reserved", listing.id, otto.email);
  await waiting.page.locator(".toast", { hasText: `reserved ${listing.title} for you` }).waitFor({ state: "attached" });
  await waiting.page.waitForSelector(`#facts-${listing.id}[data-status="reserved"]`);
  expect(line.asked()).toBe(asked);
  await waiting.context.close();
  await line.close();
}, 60_000);
