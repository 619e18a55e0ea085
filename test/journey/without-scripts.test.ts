import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
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

const off = { javaScriptEnabled: false };

async function press(page: Page, question: string | null, button: string): Promise<void> {
  const main = page.getByRole("main");
  if (question) await main.locator("summary", { hasText: question }).click();
  await main.getByRole("button", { name: button, exact: true }).click();
  await page.waitForLoadState();
}

async function expectStatus(page: Page, status: string): Promise<void> {
  expect(await page.locator("[data-listing]").first().getAttribute("data-status")).toBe(status);
}

test("U-13: with scripting off people publish, search, watch, ask, answer, edit, reserve, release, sell, withdraw and relist", async () => {
  const { page: sol } = await atBrowser(server.url, world.cast.sol, off);
  const { page: bea } = await atBrowser(server.url, world.cast.bea, off);

  await sol.goto("/listings/new");
  await sol.getByLabel("Title").fill("Tin ingots <99.9 %> 🧱");
  await press(sol, null, "Publish listing");
  expect(await sol.locator(".error-summary").textContent()).toContain("Enter a price");
  expect(await sol.getByLabel("Title").inputValue()).toBe("Tin ingots <99.9 %> 🧱");
  await sol.getByLabel("Description").fill("Two pallets.");
  await sol.getByLabel("Category").selectOption("metals");
  await sol.getByLabel("Quantity").fill("40");
  await sol.getByLabel("Unit", { exact: true }).selectOption("t");
  await sol.getByLabel("Price for one unit").fill("27,450.50");
  await sol.getByLabel("Where it is").fill("Antwerp, Belgium");
  await press(sol, null, "Publish listing");
  const address = new URL(sol.url()).pathname;
  await expectStatus(sol, "available");

  await bea.goto("/listings?q=tin+ing");
  await bea.getByRole("link", { name: "Tin ingots <99.9 %> 🧱" }).click();
  expect(new URL(bea.url()).pathname).toBe(address);
  await press(bea, null, "Watch");
  await bea.getByLabel("Message").fill("Is it in bond?");
  await press(bea, null, "Send enquiry");
  await world.drain();

  await sol.goto("/notifications");
  await sol.getByRole("link", { name: /Bea Brandt asks about/ }).click();
  await sol.getByRole("main").getByRole("textbox").fill("It is.");
  await press(sol, null, "Send");
  expect(await sol.locator(".thread").textContent()).toContain("It is.");

  await sol.goto(`${address}/edit`);
  await sol.getByLabel("Price for one unit").fill("26000");
  await press(sol, null, "Save changes");
  await sol.goto(address);
  await sol.locator("summary", { hasText: "Reserve for a buyer" }).click();
  await sol.getByLabel("Buyer").fill(world.cast.bea.email);
  await press(sol, null, "Reserve");
  await expectStatus(sol, "reserved");
  await press(sol, "Release", "Release it");
  await expectStatus(sol, "available");
  await press(sol, "Withdraw", "Withdraw listing");
  await expectStatus(sol, "withdrawn");
  await press(sol, null, "List it again");
  await sol.locator("summary", { hasText: "Reserve for a buyer" }).click();
  await sol.getByLabel("Buyer").fill(world.cast.bea.email);
  await press(sol, null, "Reserve");
  await press(sol, "Sell to this buyer", "Mark as sold");
  await expectStatus(sol, "sold");

  await world.drain();
  await bea.goto("/notifications");
  const headlines = (await bea.locator(".inbox-link").allTextContents()).reverse();
  expect(headlines.map((text) => text.replaceAll("Tin ingots <99.9 %> 🧱", "it"))).toEqual([
    "Sol Serrano replied about it",
    "Serrano Metals lowered the price of it from €27,450.50 to €26,000.00",
    "Serrano Metals reserved it for you",
    "Serrano Metals released your reservation of it",
    "Serrano Metals withdrew it",
    "it is available again",
    "Serrano Metals reserved it for you",
    "Serrano Metals sold it to you",
  ]);
  const first = bea.locator(".inbox-row").first();
  await first.getByRole("button", { name: /^Mark read/ }).click();
  expect(await first.getAttribute("data-read")).toBe("true");
  await first.getByRole("button", { name: /^Mark unread/ }).click();
  await press(bea, null, "Mark all read");
  expect(await bea.locator('.inbox-row[data-read="false"]').count()).toBe(0);
  await bea.goto(address);
  await press(bea, null, "Stop watching");
  await bea.getByRole("button", { name: "Sign out" }).click();
  await bea.goto("/notifications");
  expect(new URL(bea.url()).pathname).toBe("/sign-in");
}, 60_000);

test("U-18: whoever acts gets no notification of the own action, and the own other tab shows the new state all the same", async () => {
  const { page, context } = await atBrowser(server.url, world.cast.sol);
  await page.goto("/listings/new");
  await page.getByLabel("Title").fill("Lead ingots");
  await page.getByLabel("Category").selectOption("metals");
  await page.getByLabel("Description").fill("One pallet.");
  await page.getByLabel("Quantity").fill("1");
  await page.getByLabel("Unit", { exact: true }).selectOption("t");
  await page.getByLabel("Price for one unit").fill("2000");
  await page.getByLabel("Where it is").fill("Genoa, Italy");
  await press(page, null, "Publish listing");
  const other = await context.newPage();
  await other.goto("/listings?mine=1");
  await other.waitForSelector('#connection[data-state="live"]');
  await press(page, "Withdraw", "Withdraw listing");
  await world.drain();
  const id = new URL(page.url()).pathname.split("/")[2];
  await other.waitForSelector(`#card-${id}[data-status="withdrawn"]`);
  expect(await other.locator(".toast").count()).toBe(0);
  expect(await other.getAttribute("#badge", "data-count")).toBe(await page.getAttribute("#badge", "data-count"));
});
