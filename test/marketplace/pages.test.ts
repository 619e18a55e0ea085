import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { openContext } from "../browser.ts";
import { publishedListing } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";
import { listingIn, now } from "./shop.ts";

let world: World;
let server: TestServer;
const contexts: BrowserContext[] = [];
beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
});
afterAll(async () => {
  for (const context of contexts) await context.close();
  await server.close();
  await world.close();
});

async function open(person: Viewer, options: { javaScriptEnabled?: boolean } = {}): Promise<Page> {
  const context = await openContext({ ...options, baseURL: server.url });
  contexts.push(context);
  const [name = "", value = ""] = (await server.signIn(person)).split("=");
  await context.addCookies([{ name, value, url: server.url }]);
  const page = await context.newPage();
  await page.goto("/");
  return page;
}

function idIn(page: Page): number {
  return Number(/\/listings\/(\d+)/.exec(page.url())?.[1]);
}

async function status(page: Page): Promise<string | null> {
  return page.getAttribute("[id^=facts-]", "data-status");
}

describe("U-13: without scripts", { timeout: 60_000 }, () => {
  test("a seller publishes, edits, withdraws, relists, reserves, releases and sells", async () => {
    const page = await open(world.cast.sol, { javaScriptEnabled: false });
    await page.click("text=Publish listing");
    await page.fill("[name=title]", "Zinc ingots");
    await page.fill("[name=price]", "12,50");
    await page.click("button:has-text('Publish listing')");
    expect(await page.locator(".error-summary li").allInnerTexts()).toEqual([
      "Enter a description.",
      "Choose a category from the list.",
      "Enter a quantity.",
      "Choose a unit from the list.",
      "Enter the price as a number with a point before decimals, such as 1250.50.",
      "Enter where the stock is.",
    ]);
    expect(await page.inputValue("[name=title]")).toBe("Zinc ingots");
    await page.fill("textarea[name=description]", "SHG");
    await page.selectOption("[name=category]", "metals");
    await page.fill("[name=quantity]", "50");
    await page.selectOption("[name=unit]", "t");
    await page.fill("[name=price]", "2,745.00");
    await page.fill("[name=location]", "Rotterdam");
    await page.click("button:has-text('Publish listing')");
    expect(await status(page)).toBe("available");
    await page.click("a:has-text('Edit')");
    await page.fill("[name=price]", "2700");
    await page.click("button:has-text('Save changes')");
    expect(await page.innerText(".price")).toContain("2,700.00");
    await step(page, "Withdraw…", "Withdraw listing", "withdrawn");
    await step(page, null, "List it again", "available");
    await page.click("summary:has-text('Reserve for a buyer…')");
    await page.fill("[name=hours]", "1000");
    await page.fill("[name=buyer]", world.cast.bea.email);
    await page.click("button:text-is('Reserve')");
    expect(await page.innerText("#field-hours-error")).toContain("Enter a whole number of hours from 1 to 720.");
    await page.fill("[name=hours]", "72");
    await page.click("button:text-is('Reserve')");
    expect(await status(page)).toBe("reserved");
    await step(page, "Release…", "Release it", "available");
    await page.click("summary:has-text('Reserve for a buyer…')");
    await page.fill("[name=buyer]", world.cast.bea.email);
    await page.click("button:text-is('Reserve')");
    await step(page, "Sell to this buyer…", "Mark as sold", "sold");
    expect(await page.locator(".timeline-item p:first-child").allInnerTexts()).toEqual([
      "Sold to Bea Brandt, Brandt Bau",
      "Reserved for Bea Brandt, Brandt Bau",
      "Released: no longer reserved for Bea Brandt, Brandt Bau",
      "Reserved for Bea Brandt, Brandt Bau",
      "On the market again",
      "Withdrawn",
      expect.stringContaining("Price lowered from"),
      "Published",
    ]);
  });

  test("a buyer finds, watches and asks, and both write in the thread", async () => {
    const { id } = await publishedListing(world.db, world.cast.sol, { title: "Molybdenum oxide" });
    const bea = await open(world.cast.bea, { javaScriptEnabled: false });
    await bea.click("nav >> text=Browse");
    await bea.fill("[name=q]", "molyb");
    await bea.click("button:has-text('Search')");
    await bea.click("text=Molybdenum oxide");
    expect(idIn(bea)).toBe(id);
    await bea.click("button:has-text('Watch')");
    await bea.click("button:has-text('Stop watching')");
    await bea.click("button:has-text('Watch')");
    await bea.fill("[name=message]", "Is it <b>pure</b>?\nAnd dry?");
    await bea.click("button:has-text('Send enquiry')");
    expect(await bea.innerText(".message-body")).toBe("Is it <b>pure</b>?\nAnd dry?");
    const sol = await open(world.cast.sol, { javaScriptEnabled: false });
    await sol.click("a:has-text('Molybdenum oxide')");
    await sol.fill("textarea", "It is both.");
    await sol.click("button:has-text('Send')");
    await bea.reload();
    expect(await bea.locator(".message-body").allInnerTexts()).toEqual(["Is it <b>pure</b>?\nAnd dry?", "It is both."]);
    await bea.goto("/");
    expect(await bea.locator(`#card-${id}`).count()).toBe(1);
  });

  test("a conflict shows how the listing stands", async () => {
    const { id, version } = await listingIn(world, world.cast, "reserved");
    const page = await open(world.cast.sol, { javaScriptEnabled: false });
    await page.goto(`/listings/${id}`);
    await server.post(`/listings/${id}/release`, await server.signIn(world.cast.ada), { version: String(version) });
    await page.click("summary:has-text('Sell to this buyer…')");
    await page.click("button:has-text('Mark as sold')");
    expect(await page.innerText("[role=status] .banner")).toContain("This listing has changed since you opened it.");
    expect(await status(page)).toBe("available");
    expect((await now(world.db, id)).status).toBe("available");
  });
});

describe("with scripts", { timeout: 60_000 }, () => {
  test("an action changes the page in place, says what was done and gives it the focus", async () => {
    const { id } = await publishedListing(world.db, world.cast.sol);
    const page = await open(world.cast.sol);
    await page.goto(`/listings/${id}`);
    await page.evaluate("window.stays = true");
    await page.click("summary:has-text('Reserve for a buyer…')");
    await page.fill("[name=buyer]", "nobody@demo.test");
    await page.click("button:text-is('Reserve')");
    await page.waitForSelector("#field-buyer-error");
    expect(await page.inputValue("[name=buyer]")).toBe("nobody@demo.test");
    await page.fill("[name=buyer]", world.cast.bea.email);
    await page.click("button:text-is('Reserve')");
    await page.waitForSelector(`#facts-${id}[data-status=reserved]`);
    await page.waitForSelector(`#notice-${id} > :focus`);
    expect(await page.innerText(`#notice-${id}`)).toBe("It is reserved now.");
    expect(await page.innerText(`#actions-${id}`)).toContain("Bea Brandt, Brandt Bau");
    expect(await page.innerText(`#history-${id}`)).toContain("Reserved for Bea Brandt");
    expect(await page.evaluate("window.stays")).toBe(true);
  });

  test("a sent message joins the thread and leaves the box, and one that is refused stays in it", async () => {
    const { id } = await publishedListing(world.db, world.cast.sol);
    const page = await open(world.cast.bea);
    await page.goto(`/listings/${id}`);
    await page.fill("[name=message]", "First");
    await page.click("button:has-text('Send enquiry')");
    await page.click("text=Go to the conversation");
    await page.fill("textarea", "  ");
    await page.click("button:has-text('Send')");
    await page.waitForSelector(".error-summary");
    await page.fill("textarea", "Second");
    await page.click("button:has-text('Send')");
    await page.waitForSelector(".message:nth-child(2)");
    expect(await page.inputValue("textarea")).toBe("");
    expect(await page.locator(".error-summary").count()).toBe(0);
    expect(await page.evaluate("document.activeElement.textContent.trim()")).toBe("Send");
  });

  test("a push leaves what a buyer is typing, and the button with which they watch", async () => {
    const { id } = await publishedListing(world.db, world.cast.sol);
    const page = await open(world.cast.bea);
    await page.goto(`/listings/${id}`);
    await page.waitForSelector("#connection[data-state=live]");
    await page.click("button:has-text('Watch')");
    await page.waitForSelector("button:has-text('Stop watching')");
    await page.fill("[name=message]", "Half a sente");
    await server.post(`/listings/${id}/reservation`, await server.signIn(world.cast.sol), {
      buyer: world.cast.bea.email,
      hours: "5",
      version: "1",
    });
    await world.drain();
    await page.waitForSelector(`#facts-${id}[data-status=reserved]`);
    expect(await page.innerText(`#actions-${id}`)).toContain("It is kept for you until");
    expect(await page.inputValue("[name=message]")).toBe("Half a sente");
    expect(await page.evaluate("document.activeElement.name")).toBe("message");
    expect(await page.locator("button:has-text('Stop watching')").count()).toBe(1);
  });
});

async function step(page: Page, ask: string | null, button: string, becomes: string): Promise<void> {
  if (ask) await page.click(`summary:has-text('${ask}')`);
  await page.click(`button:has-text('${button}')`);
  expect(await status(page)).toBe(becomes);
}
