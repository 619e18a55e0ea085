import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findListings } from "../../src/marketplace/listings.ts";
import { updateListing } from "../../src/marketplace/publishing.ts";
import { openContext } from "../browser.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";
import { atBrowser, live } from "./people.ts";

const MOST = 60_000;

let world: World;
let server: TestServer;
beforeAll(async () => {
  world = await createWorld({ demo: true });
  // The demo's own work is done, so that nothing else comes in between.
  await world.drain();
  server = await serve(world);
});
afterAll(async () => {
  await server.close();
  await world.close();
});

/** Everything that comes over the wire from now on, heads of answers included, for pages and for their workers. */
async function weigh(context: BrowserContext, page: Page): Promise<{ bytes(): number; files(): string[] }> {
  const session = await context.newCDPSession(page);
  const files: string[] = [];
  let bytes = 0;
  session.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  page.on("request", (request) => files.push(request.url().split("/").at(-1) ?? ""));
  await session.send("Network.enable");
  return { bytes: () => bytes, files: () => files };
}

test.each([
  ["nobody", ["/", "/sign-up"]],
  ["bea", ["/", "/listings", "/listings/1", "/notifications", "/notifications/preferences"]],
  ["sol", ["/", "/listings/5"]],
  ["ada", ["/oversight"]],
])("a first visit of %s to a page is under 60 kB over the wire", async (who, paths) => {
  for (const path of paths) {
    const { context, page } =
      who === "nobody" ? await strangersPage() : await atBrowser(server.url, { email: `${who}@demo.test` });
    const weight = await weigh(context, page);
    await page.goto(path);
    if (who !== "nobody") await live(page);
    expect(weight.files().length, path).toBeGreaterThan(2);
    // The worker's script is asked for outside of the page, where nobody can listen: it is added as it comes.
    const worker = who === "nobody" ? 0 : await weightOf(page, "shared.js");
    expect(weight.bytes() + worker, path).toBeGreaterThan(8_000);
    expect(weight.bytes() + worker, path).toBeLessThan(MOST);
    await context.close();
  }
});

async function strangersPage() {
  const context = await openContext({ baseURL: server.url });
  return { context, page: await context.newPage() };
}

async function weightOf(page: Page, name: string): Promise<number> {
  const address = await page.locator("link[rel=stylesheet]").first().getAttribute("href");
  const url = server.url + String(address).replace("stockbell.css", name);
  const answer = await fetch(url, { headers: { "Accept-Encoding": "br" } });
  await answer.arrayBuffer();
  const head = [...answer.headers].reduce((sum, [key, value]) => sum + key.length + value.length + 4, 20);
  expect(answer.headers.get("content-encoding")).toBe("br");
  return head + Number(answer.headers.get("content-length"));
}

test("nothing moves on a page that is read while toasts, rows, cards, the badge and the connection's state come", async () => {
  const { page } = await atBrowser(server.url, { email: "bea@demo.test" }, { viewport: { width: 412, height: 900 } });
  await page.addInitScript(`
    window.shifts = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        window.shifts.push({ value: entry.value, what: entry.sources.map(({ node }) => node?.id || node?.className || node?.nodeName) });
      }
    }).observe({ type: "layout-shift", buffered: true });`);
  for (const [path, id] of [
    ["/listings", 7],
    ["/listings/2", 2],
    ["/notifications/preferences", 5],
  ] as const) {
    await page.goto(path);
    await live(page);
    await cheaper(id);
    await page.waitForSelector("#toasts > .toast");
    await page.waitForSelector("#badge[data-rang] .badge-number");
    if (path.startsWith("/listings")) await page.waitForSelector(".was");
    await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
    expect({ path, shifts: await page.evaluate("window.shifts") }).toEqual({ path, shifts: [] });
  }
  await page.evaluate(
    "document.querySelector('main').prepend(Object.assign(document.createElement('p'), { textContent: 'More' }))",
  );
  await page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))");
  expect(await page.evaluate("window.shifts.length")).toBe(1);
});

async function cheaper(id: number): Promise<void> {
  const [listing] = await findListings(world.db, [id]);
  if (!listing) throw new Error("The demo has changed.");
  const { title, description, category, quantity, unit, currency, location } = listing;
  const said = { title, description, category, quantity, unit, currency, location };
  await updateListing(world.db, world.cast.sol, listing, { ...said, priceMinor: listing.priceMinor - 10 });
  await world.drain();
}
