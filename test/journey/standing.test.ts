import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { expireReservation, releaseListing, reserveListing, sellListing } from "../../src/marketplace/reservations.ts";
import { unwatchListing, watchListing } from "../../src/marketplace/watches.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { startWorker } from "../../src/runner.ts";
import { publishedListing } from "../cast.ts";
import { letPass } from "../marketplace/shop.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";
import { atBrowser, live } from "./people.ts";

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

async function act(action: typeof sellListing, { id }: ListingView): Promise<void> {
  const [present] = await findListings(world.db, [id]);
  await action(world.db, world.cast.sol, present as ListingView);
}

const reserveFor = (buyer: Viewer) =>
  ((db, actor, target) =>
    reserveListing(db, actor, target, { buyerId: buyer.id, hours: 1 })) satisfies typeof sellListing;

/** The row or the toast that says this, together with what has become of it. */
const saying = (page: Page, what: ".inbox-row" | ".toast", headline: string, note: string) =>
  page.locator(what, { has: page.locator("a", { hasText: headline }) }).filter({ hasText: note });

test("sold: in both of Bea's tabs the row and the toast that offered it say so in place; a lapsed reservation is no longer hers, and Otto's offer holds", async () => {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol);
  for (const buyer of [cast.bea, cast.otto]) await watchListing(db, buyer, listing.id);
  const [bea, otto] = [await atBrowser(server.url, cast.bea), await atBrowser(server.url, cast.otto)];
  const [inbox, elsewhere] = [bea.page, await bea.context.newPage()];
  for (const [page, path] of [
    [inbox, "/notifications"],
    [elsewhere, "/listings"],
    [otto.page, "/notifications"],
  ] as const) {
    await page.goto(path);
    await live(page);
  }
  await elsewhere.bringToFront();

  await act(reserveFor(cast.bea), listing);
  const mine = `reserved ${listing.title} for you`;
  await elsewhere.locator(".toast", { hasText: mine }).hover();
  const { reservation } = await db
    .selectFrom("reservations")
    .select("id as reservation")
    .where("listing_id", "=", listing.id)
    .executeTakeFirstOrThrow();
  await letPass(db, listing.id, 2);
  await expireReservation(db, reservation);
  const lapsed = "No longer reserved for you";
  await saying(inbox, ".inbox-row", mine, lapsed).waitFor();
  await saying(elsewhere, ".toast", mine, lapsed).waitFor();
  const again = `made ${listing.title} available again`;
  const ranOut = `The reservation of ${listing.title} ran out`;
  const ottosRow = otto.page.locator(".inbox-row", { hasText: ranOut });
  await ottosRow.waitFor();
  expect(await ottosRow.locator(".standing").textContent()).toBe("");

  // The pointer on the stack holds its toasts.
  await act(reserveFor(cast.otto), listing);
  await act(releaseListing, listing);
  await elsewhere.locator(".toast", { hasText: again }).waitFor();
  await act(reserveFor(cast.otto), listing);
  await saying(elsewhere, ".toast", again, "Reserved meanwhile").waitFor();
  await act(sellListing, listing);
  const gone = "No longer available";
  await saying(elsewhere, ".toast", again, gone).waitFor();
  await saying(inbox, ".inbox-row", again, gone).first().waitFor();
  await saying(otto.page, ".inbox-row", ranOut, gone).waitFor();
  await saying(inbox, ".inbox-row", mine, gone).waitFor();

  const shown = await said(inbox);
  await inbox.reload();
  expect(await said(inbox)).toEqual(shown);
  for (const { problems } of [bea, otto]) expect(problems).toEqual([]);
});

test("U-21: after an admin's withdrawal the inbox of somebody who no longer has to do with it holds no word of it", async () => {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol, { title: "Niobium rods" });
  for (const buyer of [cast.bea, cast.otto]) await watchListing(db, buyer, listing.id);
  const [bea, otto] = [await atBrowser(server.url, cast.bea), await atBrowser(server.url, cast.otto)];
  for (const { page } of [bea, otto]) {
    await page.goto("/notifications");
    await live(page);
  }
  await act(reserveFor(cast.bea), listing);
  for (const { page } of [bea, otto]) await page.locator(".inbox-row", { hasText: "Niobium" }).waitFor();
  await unwatchListing(db, cast.otto, listing.id);
  const [present] = await findListings(db, [listing.id]);
  await withdrawListing(db, cast.ada, present as ListingView);
  await saying(bea.page, ".inbox-row", "reserved Niobium rods for you", "No longer available").waitFor();
  const rows = await otto.page.locator(".inbox-row").count();
  for (const { page } of [bea, otto]) await page.reload();
  expect(await otto.page.content()).not.toContain("Niobium");
  expect(await otto.page.locator(".inbox-row").count()).toBe(rows);
  expect(await otto.page.locator(".inbox-row", { hasText: "An update that you can no longer see" }).count()).toBe(1);
  expect(await bea.page.locator(".inbox-row", { hasText: "Niobium" }).count()).toBe(2);
});

/** Every row of an inbox with what is said beside it. */
function said(page: Page): Promise<string[]> {
  return page
    .locator(".inbox-row")
    .evaluateAll((rows) =>
      rows.map((row) => `${row.querySelector("a").textContent}: ${row.querySelector(".standing")?.textContent}`),
    );
}
