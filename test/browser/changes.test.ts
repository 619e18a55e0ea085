import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { render } from "../../src/views.ts";
import { card } from "./pieces.ts";
import { eventually, freeze, startSite, visit } from "./site.ts";

const GRID = `<div class="grid">${card(1, "available", 1)}${card(2, "available", 1)}</div>`;

/** What a card says of its price and quantity, what it was a moment ago included. */
async function said(tab: Page, id: number): Promise<string[]> {
  const texts = await tab.locator(`#card-${id} :is(.card-price, .card-quantity)`).allInnerTexts();
  return texts.map((text) => text.replace(/\s+/g, " "));
}

it("a card that changes shows for six seconds what it said before, and another card does not", async () => {
  const site = await startSite(GRID);
  const { tab, errors, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  site.send("market", card(1, "available", 2, true, { priceMinor: 80 }));
  await eventually(() => said(tab, 1)).toEqual(["€0.80 was €1.00", "5 kg"]);
  expect(await tab.locator("#card-1 del").allInnerTexts()).toEqual(["€1.00"]);
  expect(await said(tab, 2)).toEqual(["€1.00 per kg", "5 kg"]);
  await tab.clock.runFor(5_900);
  expect(await tab.locator(".was").count()).toBe(1);
  await tab.clock.runFor(200);
  expect(await said(tab, 1)).toEqual(["€0.80 per kg", "5 kg"]);
  expect(errors).toEqual([]);
});

it("quantity is told likewise; the same state again, and an older one, tell nothing", async () => {
  const site = await startSite(GRID);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  site.send("market", card(1, "available", 3, true, { quantity: 4 }));
  await eventually(() => said(tab, 1)).toEqual(["€1.00 per kg", "4 kg was 5 kg"]);
  await tab.clock.runFor(6_100);
  await tab.clock.resume();
  site.send(
    "market",
    card(1, "available", 3, true, { quantity: 4 }) + card(2, "available", 1, true, { priceMinor: 90 }),
  );
  site.send("market", card(2, "reserved", 2, true));
  await tab.locator("#card-2[data-status=reserved]").waitFor();
  expect(await tab.locator(".was").count()).toBe(0);
});

it("what has changed twice in a moment tells of the last state, and not of what was written into it", async () => {
  const site = await startSite(GRID);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  for (const [version, priceMinor] of [
    [2, 80],
    [3, 70],
  ] as const)
    site.send("market", card(1, "available", version, true, { priceMinor }));
  await eventually(() => said(tab, 1)).toEqual(["€0.70 was €0.80", "5 kg"]);
});

it("what is told of a withdrawn card is its state alone, and not for good what it was a moment ago", async () => {
  const site = await startSite(GRID);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  site.send("market", card(1, "available", 2, true, { priceMinor: 80 }));
  await eventually(() => tab.locator(".was").count()).toBe(1);
  const status = render("shared/status", "en-GB", { status: "withdrawn" });
  const place = 'id="card-1" data-listing="1" data-status="withdrawn" data-version="3"';
  site.send("market", `<article ${place} data-state-only hx-swap-oob="true">${status}</article>`);
  await tab.locator("#card-1[data-status=withdrawn]").waitFor();
  expect(await said(tab, 1)).toEqual(["€0.80 per kg", "5 kg"]);
});

it("it stays while the mouse is on the card, and moves nothing on the page", async () => {
  const site = await startSite(GRID);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  const box = () => tab.locator("#card-1").boundingBox();
  const before = await box();
  await tab.locator("#card-1").hover();
  await freeze(tab);
  site.send("market", card(1, "available", 2, true, { priceMinor: 80, quantity: 3 }));
  await eventually(() => tab.locator(".was").count()).toBe(2);
  expect(await box()).toEqual(before);
  await tab.clock.runFor(8_000);
  expect(await tab.locator(".was").count()).toBe(2);
  await tab.mouse.move(0, 0);
  await eventually(() => tab.locator("#card-1:hover").count()).toBe(0);
  await tab.clock.runFor(600);
  await eventually(() => tab.locator(".was").count()).toBe(0);
});

it("a reservation comes onto the home by itself, and what is reserved for somebody else does not", async () => {
  const site = await startSite(`<ul class="rows" id="reserved"></ul>${GRID}`);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  const listing = { id: 1, version: 2, title: "Copper", category: "metals", status: "reserved", priceMinor: 100 };
  const more = { currency: "EUR", unit: "kg", quantity: 5, sellerCompany: "Sol", location: "Riga", description: "" };
  const times = { reservedUntil: new Date(Date.now() + 3_600_000), updatedAt: new Date() };
  const pushed = (id: number, part: string) =>
    render("stream/market", "en-GB", {
      listing: { ...listing, ...more, ...times, id },
      part,
      notes: null,
      withheld: false,
    });
  site.send("market", pushed(2, "other") + pushed(1, "reserved"));
  await tab.locator("#reserved > #reserved-1").waitFor();
  site.send("market", pushed(1, "reserved"));
  await tab.locator("#card-2[data-status=reserved]").waitFor();
  expect(await tab.locator("#reserved > li").count()).toBe(1);
});
