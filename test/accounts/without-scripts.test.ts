import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { openContext } from "../browser.ts";
import { createPerson, PASSWORD } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";

vi.setConfig({ testTimeout: 60_000 });

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

test("U-13: an account is made, used and left with scripting off", async () => {
  const page = await open();
  await page.goto("/");
  await page.getByRole("link", { name: "Create an account" }).first().click();
  await page.getByRole("radio", { name: /^Buy/ }).check();
  await page.getByLabel("Your name").fill("Nia Novak");
  await page.getByLabel("Company").fill("Novak Holz");
  await page.getByLabel("Email address").fill("nia@demo.test");
  await page.getByLabel("Password").fill("a long and easy one");
  await page.getByRole("button", { name: "Create account" }).click();
  expect(await page.locator("body").getAttribute("data-role")).toBe("buyer");
  await page.getByRole("link", { name: "Nia Novak" }).click();
  expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Your account");
  await page.locator(".topbar").getByRole("button", { name: "Sign out" }).click();
  expect(await page.locator("body").getAttribute("data-role")).toBe(null);
});

test("U-13: somebody who is sent to sign in arrives at the page that they asked for", async () => {
  const bea = world.cast.bea;
  const page = await open();
  await page.goto("/enquiries");
  expect(await page.getByRole("heading", { level: 1 }).textContent()).toBe("Sign in");
  await page.getByLabel("Email address").fill(bea.email);
  await page.getByLabel("Password").fill("not it");
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  expect(new URL(page.url()).pathname).toBe("/enquiries");
});

test("U-12: what is wrong stands beside its field and in a summary that leads there, with what was typed", async () => {
  const page = await open();
  await page.goto("/sign-up");
  await page.getByLabel("Your name").fill("Nia Novak");
  await page.getByLabel("Email address").fill("nia at demo");
  await page.getByLabel("Password").fill("short");
  await page.getByRole("radio", { name: /^Sell/ }).check();
  await page.getByRole("button", { name: "Create account" }).click();
  expect(await page.title()).toBe("Error: Create an account – Stockbell");
  const summary = page.locator(".error-summary");
  expect(await summary.getByRole("link").allTextContents()).toHaveLength(3);
  await summary.getByRole("link", { name: "Enter your company's name." }).click();
  expect(await page.locator(":focus").getAttribute("name")).toBe("company");
  const email = page.getByLabel("Email address");
  expect(await email.inputValue()).toBe("nia at demo");
  expect(await email.getAttribute("aria-invalid")).toBe("true");
  const described = (await email.getAttribute("aria-describedby"))?.split(" ") ?? [];
  const descriptions = await Promise.all(described.map((id) => page.locator(`#${id}`).textContent()));
  expect(descriptions.join(" ")).toContain("Enter an email address in the form of name@example.com.");
  expect(await page.getByRole("radio", { name: /^Sell/ }).isChecked()).toBe(true);
  expect(await page.getByLabel("Password").inputValue()).toBe("");
});

test("U-12: password managers find what they look for", async () => {
  const page = await open();
  const completed = async (path: string) => {
    await page.goto(path);
    const inputs = await page.locator("form.form input[autocomplete]").all();
    const named = inputs.map(async (input) => [
      await input.getAttribute("name"),
      await input.getAttribute("autocomplete"),
    ]);
    return Object.fromEntries(await Promise.all(named));
  };
  expect(await completed("/sign-in")).toEqual({ email: "username", password: "current-password" });
  const signUp = { name: "name", company: "organization", email: "username", password: "new-password" };
  expect(await completed("/sign-up")).toEqual(signUp);
  await signIn(page, await createPerson(world.db, { role: "seller" }));
  const account = { email: "username", current: "current-password", password: "new-password" };
  expect(await completed("/account")).toEqual(account);
});

test("S-14: people see where they are signed in and end it there, and change their password", async () => {
  const bea = await createPerson(world.db, { role: "buyer" });
  const [here, there] = [await open(), await open()];
  await signIn(here, bea);
  await signIn(there, bea);
  await here.goto("/account");
  await here.getByRole("button", { name: "End session" }).click();
  expect(await here.locator(".banner").textContent()).toContain("That session has ended.");
  expect(await here.getByRole("button", { name: "End session" }).count()).toBe(0);
  await there.goto("/account");
  expect(new URL(there.url()).pathname).toBe("/sign-in");
  await here.getByLabel("Current password").fill(PASSWORD);
  await here.getByLabel("New password").fill("another long one");
  await here.getByRole("button", { name: "Change password" }).click();
  expect(await here.locator(".banner").textContent()).toContain("Your password is changed.");
  await here.reload();
  expect(await here.getByRole("heading", { level: 1 }).textContent()).toBe("Your account");
});

/** A page of a browser with scripting off, in a profile of its own. */
async function open(): Promise<Page> {
  const context: BrowserContext = await openContext({ baseURL: server.url, javaScriptEnabled: false, locale: "en-GB" });
  onTestFinished(() => context.close());
  return context.newPage();
}

async function signIn(page: Page, { email }: { email: string }): Promise<void> {
  await page.goto("/sign-in");
  await page.getByLabel("Email address").fill(email);
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
}
