import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { enquire, reply } from "../../src/marketplace/enquiries.ts";
import { publishedListing } from "../cast.ts";
import { startProxy } from "../faults/proxy.ts";
import { until } from "../processes.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";
import { atBrowser, live } from "./people.ts";

let world: World;
let server: TestServer;
let line: Awaited<ReturnType<typeof startProxy>>;

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
  line = await startProxy(() => [Number(new URL(server.url).port)]);
});
afterAll(async () => {
  await line.close();
  await server.close();
  await world.close();
});

test("Bea and Sol talk: each message is on both sides at once, what Bea types survives it and a cut line, and she sees what he has seen", async () => {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol);
  const thread = await enquire(db, cast.bea, listing.id, "Is it dry?");
  await world.drain();
  const [bea, sol] = [await atBrowser(line.url, cast.bea), await atBrowser(server.url, cast.sol)];
  const beasOther = await bea.context.newPage();
  const pages = [bea.page, beasOther, sol.page];
  await Promise.all(pages.map((page) => page.goto(`/enquiries/${thread}`)));
  await Promise.all(pages.map(live));
  await shownOn(bea.page, `#seen-${thread}`);

  await bea.page.bringToFront();
  await bea.page.getByLabel("Your message").pressSequentially("Half a sente");
  await beasOther.getByLabel("Your message").fill("A draft elsewhere");
  await bea.page.getByLabel("Your message").focus();
  await send(sol.page, "Dry as dust.");
  for (const page of pages) await shownOn(page, ".message:has-text('Dry as dust.')");
  expect(await typedIn(bea.page)).toEqual(["Half a sente", true]);

  line.refuse(true);
  line.cut();
  await until(() => server.streams().every(({ userId }) => userId !== cast.bea.id));
  await send(sol.page, "And it is 40 t.");
  await shownOn(sol.page, ".message:has-text('40 t')");
  line.refuse(false);
  await bea.page.evaluate("window.dispatchEvent(new Event('online'))");
  for (const page of [bea.page, beasOther]) await shownOn(page, ".message:has-text('40 t')");
  await live(bea.page);
  expect(await typedIn(bea.page)).toEqual(["Half a sente", true]);
  await bea.page.keyboard.type("nce.");
  await bea.page.getByRole("button", { name: "Send" }).click();
  for (const page of pages) await shownOn(page, ".message:has-text('Half a sentence.')");
  expect(await typedIn(bea.page)).toEqual(["", false]);
  expect((await typedIn(beasOther))[0]).toBe("A draft elsewhere");
  const stored = await db.selectFrom("messages").select("id").orderBy("id").execute();
  for (const page of pages) {
    const shown = await page.locator(".message").evaluateAll((items) => items.map(({ id }) => Number(id.slice(8))));
    expect(shown).toEqual(stored.map(({ id }) => id));
  }
  await shownOn(bea.page, `.message:last-of-type + .seen, #message-${stored.at(-1)?.id} + #seen-${thread}`);
  expect([...bea.problems.filter((problem) => !problem.includes("ERR_")), ...sol.problems]).toEqual([]);
}, 60_000);

test("Sol's list moves by itself: who waits comes up with the time, and who was answered goes down", async () => {
  const { db, cast } = world;
  const { page } = await atBrowser(server.url, cast.sol);
  const listing = await publishedListing(db, cast.sol);
  await enquire(db, cast.bea, listing.id, "Bea asks");
  await page.goto("/");
  await live(page);
  const ottos = await enquire(db, cast.otto, listing.id, "Otto asks");
  await shownOn(page, `#thread-row-${ottos}:has-text("Waiting since")`);
  expect(await page.locator("#threads > li").first().getAttribute("id")).not.toBe(`thread-row-${ottos}`);
  for (const { id } of await db.selectFrom("enquiries").select("id").where("id", "<>", ottos).execute()) {
    await reply(db, cast.sol, id, "Answered.");
  }
  await shownOn(page, `#threads > li:first-child#thread-row-${ottos}`);
  expect(await page.locator("#threads").textContent()).toContain("You: Answered.");
});

async function send(page: Page, words: string): Promise<void> {
  await page.getByLabel("Your message").fill(words);
  await page.getByRole("button", { name: "Send" }).click();
}

/** Waits until it is there; the queue is run meanwhile. */
async function shownOn(page: Page, selector: string): Promise<void> {
  await until(async () => {
    await world.drain();
    return page.locator(selector).first().isVisible();
  });
}

async function typedIn(page: Page): Promise<[string, boolean]> {
  const box = page.getByLabel("Your message");
  return [await box.inputValue(), await box.evaluate((field) => field.ownerDocument.activeElement === field)];
}
