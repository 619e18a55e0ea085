import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { openContext } from "../browser.ts";
import { PASSWORD, publishedListing } from "../cast.ts";
import { atBrowser, live } from "../journey/people.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";

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

test("U-12: what was copied is pasted into both fields of the sign-in, and signs in", async () => {
  const page = await open("/sign-in");
  for (const [field, text] of [
    ["#field-password", PASSWORD],
    ["#field-email", world.cast.bea.email],
  ] as const) {
    // Typed somewhere, cut there, and pasted.
    await page.fill("#field-email", text);
    await page.focus("#field-email");
    await page.keyboard.press("Control+A");
    await page.keyboard.press("Control+X");
    await page.focus(field);
    await page.keyboard.press("Control+V");
    expect(await page.inputValue(field)).toBe(text);
  }
  await page.keyboard.press("Enter");
  await page.waitForSelector(`body[data-user="${world.cast.bea.id}"]`);
});

test("U-12: what a password manager puts into the fields, without a key being pressed, signs in", async () => {
  const page = await open("/sign-in");
  await page.evaluate(`{
    const form = document.querySelector("form:has([autocomplete=username]):has([autocomplete=current-password])");
    form.querySelector("[autocomplete=username]").value = ${JSON.stringify(world.cast.sol.email)};
    form.querySelector("[autocomplete=current-password]").value = ${JSON.stringify(PASSWORD)};
    form.querySelector("button").click();
  }`);
  await page.waitForSelector(`body[data-user="${world.cast.sol.id}"]`);
});

test("U-12: a refused sign-in leads the focus to the summary, from there to the field, and keeps what was typed", async () => {
  const page = await open("/sign-in?next=%2Fenquiries");
  await page.fill("#field-email", "bea@elsewhere.test");
  await page.fill("#field-password", "not it");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".error-summary:focus");
  expect(await page.title()).toMatch(/^Error: /);
  expect(await page.inputValue("#field-email")).toBe("bea@elsewhere.test");
  expect(await page.inputValue("#field-password")).toBe("");
  expect(await page.inputValue("[name=next]")).toBe("/enquiries");
  const message = await page.innerText(".error-summary li");
  expect(await described(page, "#field-email")).toContain(message);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#field-email:focus");
});

test("U-12: so does a form that is answered in its place, and one of many fields", async () => {
  const listing = await publishedListing(world.db, world.cast.sol);
  const { page } = await atBrowser(server.url, world.cast.sol);
  await page.goto(`/listings/${listing.id}`);
  await live(page);
  await page.click("summary:has-text('Reserve')");
  await page.fill("#field-buyer", "somebody@nowhere.test");
  await page.fill("#field-hours", "900");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".error-summary:focus");
  expect(await page.locator(".error-summary li").count()).toBe(2);
  expect([await page.inputValue("#field-buyer"), await page.inputValue("#field-hours")]).toEqual([
    "somebody@nowhere.test",
    "900",
  ]);
  await page.goto("/listings/new");
  await page.fill("#field-title", "Zinc ingots");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".error-summary:focus");
  expect(await page.inputValue("#field-title")).toBe("Zinc ingots");
  for (const link of await page.locator(".error-summary a").all()) {
    const field = (await link.getAttribute("href")) ?? "";
    expect(await described(page, field)).toContain(await link.innerText());
  }
});

/** A page of somebody who is not signed in. */
async function open(path: string): Promise<Page> {
  const context = await openContext({ baseURL: server.url, locale: "en-GB" });
  onTestFinished(() => context.close());
  const page = await context.newPage();
  await page.goto(path);
  return page;
}

/** All that is said of a field beside it. */
function described(page: Page, field: string): Promise<string> {
  return page.locator(field).evaluate((element: Described) => {
    const ids = element.getAttribute("aria-describedby")?.split(" ") ?? [];
    return ids.map((id) => element.ownerDocument.getElementById(id)?.textContent).join(" ");
  });
}

type Described = {
  getAttribute(name: string): string | null;
  ownerDocument: { getElementById(id: string): { textContent: string } | null };
};
