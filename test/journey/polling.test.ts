import { afterAll, beforeAll, expect, test } from "vitest";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { publishedListing } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";
import { atBrowser } from "./people.ts";

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

test("with the stream blocked from the start Bea is told by polling, once; unblocked, her page is live and polls no more", async () => {
  const { db, cast } = world;
  const stock = [await publishedListing(db, cast.sol), await publishedListing(db, cast.sol)];
  for (const { id } of stock) await watchListing(db, cast.bea, id);
  const { context, page, requests, problems } = await atBrowser(server.url, cast.bea);
  // Neither the clock nor the road block reaches a SharedWorker: without one the same code runs in the page.
  await page.addInitScript("delete window.SharedWorker");
  await page.clock.install();
  await context.route("**/stream?*", (route) => route.fulfill({ status: 503 }));
  await page.goto("/listings");
  await page.clock.pauseAt((await page.evaluate<number>("Date.now()")) + 1000);
  for (const listing of stock) await reserveListing(db, cast.sol, listing, { buyerId: cast.otto.id, hours: 1 });
  await world.drain();
  await page.clock.runFor(6000);

  for (const { id } of stock) await page.waitForSelector(`#card-${id}[data-status="reserved"]`);
  expect(await page.getAttribute("#connection", "data-state")).toBe("polling");
  expect(await numbers()).toEqual(["2", "1"]);
  expect(await page.getAttribute("#badge", "data-count")).toBe("2");

  await context.unroute("**/stream?*");
  // The page's time passes in steps, so that the real network can keep up with it.
  while ((await page.getAttribute("#connection", "data-state")) !== "live") {
    await page.clock.runFor(1000);
    await page.evaluate("fetch('/livez').then(({ status }) => status)");
  }
  const polls = requests.filter((request) => request === "GET /stream/fallback").length;
  await page.clock.runFor(30_000);
  await page.goto("/listings");
  expect(requests.filter((request) => request === "GET /stream/fallback")).toHaveLength(polls);
  expect(problems.filter((problem) => !problem.includes("503"))).toEqual([]);

  function numbers() {
    return page.locator("#toasts > .toast").evaluateAll((toasts) => toasts.map((toast) => toast.dataset.notification));
  }
});
