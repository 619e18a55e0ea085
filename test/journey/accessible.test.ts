import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { openContext } from "../browser.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { failedJob } from "../poison.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";
import { atBrowser, live } from "./people.ts";

const axe = readFileSync(new URL(import.meta.resolve("axe-core/axe.min.js")), "utf8");

let world: World;
let server: TestServer;

beforeAll(async () => {
  world = await createWorld({ demo: true });
  await failedJob(world.db, 1);
  await world.drain();
  server = await serve(world);
});
afterAll(async () => {
  await server.close();
  await world.close();
});

/** What axe finds wrong with a page, as "rule: element". */
async function wrongWith(page: Page, rules = {}): Promise<string[]> {
  // A colour on its way from light to dark is neither, and would be measured as it is that moment.
  await page.evaluate("Promise.allSettled(document.getAnimations().map(({ finished }) => finished))");
  // The page's own policy lets no script in; the tester's comes in by the debugger.
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe });
  const { result } = await session.send("Runtime.evaluate", {
    expression: `axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"], resultTypes: ["violations"], rules: ${JSON.stringify(rules)} })
      .then(({ violations }) => JSON.stringify(violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => id + ": " + target))))`,
    awaitPromise: true,
  });
  return JSON.parse(result.value);
}

const visits: [who: "" | "bea" | "sol" | "ada", paths: string[]][] = [
  ["", ["/", "/sign-in", "/sign-up", "/nowhere"]],
  [
    "bea",
    [
      "/",
      "/listings",
      "/listings/1",
      "/enquiries",
      "/enquiries/1",
      "/notifications",
      "/notifications/preferences",
      "/account",
    ],
  ],
  ["sol", ["/", "/listings?mine=1", "/listings/1", "/listings/5", "/listings/new"]],
  ["ada", ["/oversight", "/oversight?person=demo", "/oversight/health", "/oversight/events/40?person=otto"]],
  ["ada", ["/oversight/jobs", "/oversight/announcements", "/oversight/people", "/oversight/people/1"]],
  ["ada", ["/oversight/proof", "/listings/new"]],
];

test.each(visits)(
  "U-10: axe finds nothing wrong with the pages of '%s', wide and light, narrow and dark",
  async (who, paths) => {
    const page = who
      ? (await atBrowser(server.url, { email: `${who}@demo.test` })).page
      : await (await openContext()).newPage();
    for (const [at, path] of paths.entries()) {
      await page.setViewportSize({ width: 1280, height: 900 });
      await page.emulateMedia({ colorScheme: "light" });
      await page.goto(server.url + path);
      // Wide and light is the same for all pages of a kind, and was looked at in the first.
      if (at < 1) expect({ path, wrong: await wrongWith(page) }).toEqual({ path, wrong: [] });
      await page.setViewportSize({ width: 320, height: 640 });
      await page.emulateMedia({ colorScheme: "dark" });
      expect({ path, narrow: await wrongWith(page) }).toEqual({ path, narrow: [] });
      expect(await page.evaluate("document.documentElement.scrollWidth"), path).toBe(320);
    }
    await page.context().close();
  },
);

test("U-10: axe finds nothing wrong with an open reason in the inbox, nor with what is wrong in the preferences", async () => {
  const { page } = await atBrowser(server.url, { email: "bea@demo.test" }, { viewport: { width: 320, height: 640 } });
  await page.goto("/notifications");
  await page.locator(".inbox-reason", { hasText: "You asked" }).first().click();
  await page.waitForSelector(".why-panel");
  expect(await wrongWith(page)).toEqual([]);
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(320);
  await page.goto("/notifications/preferences");
  await page.getByLabel("From").fill("22:00");
  await page.getByRole("button", { name: "Save preferences" }).click();
  await page.waitForSelector(".error-summary");
  expect(await wrongWith(page)).toEqual([]);
});

test("U-10: axe finds nothing wrong with an announcement that is written wrongly, looked at, listed, and read", async () => {
  const viewport = { width: 320, height: 640 };
  const { page } = await atBrowser(server.url, { email: "ada@demo.test" }, { viewport });
  const fits = async (at: Page) => ({
    wrong: await wrongWith(at),
    width: await at.evaluate("document.documentElement.scrollWidth"),
  });
  const right = { wrong: [], width: 320 };
  await page.goto("/oversight/announcements");
  await page.getByRole("button", { name: "Look at it first" }).click();
  await page.waitForSelector(".error-summary");
  expect(await fits(page)).toEqual(right);
  await page.getByLabel("All sellers").check();
  await page.getByLabel("Title").fill("Maintenance-of-a-very-long-word-without-any-break-in-it");
  await page.getByLabel("Text").fill("On Sunday evening.");
  await page.getByRole("button", { name: "Look at it first" }).click();
  await page.waitForSelector("[data-recipients]");
  expect(await fits(page)).toEqual(right);
  await page.getByRole("button", { name: /^Send to/ }).click();
  await page.locator("summary", { hasText: "Take back" }).click();
  expect(await fits(page)).toEqual(right);
  await world.drain();
  const { page: sols } = await atBrowser(server.url, { email: "sol@demo.test" }, { viewport });
  await sols.goto("/notifications?kind=announcement");
  expect(await fits(sols)).toEqual(right);
  await sols.locator(".inbox-link").click();
  await sols.getByRole("heading", { name: "Announcement", exact: true }).waitFor();
  expect(await fits(sols)).toEqual(right);
});

type State = {
  name: string;
  who: "nia" | "bea" | "sol" | "ada" | "";
  path: string;
  forced?: true;
  reach?: (page: Page) => Promise<unknown>;
};

const open = (words: string) => (page: Page) => page.locator("summary", { hasText: words }).click();

const states: State[] = [
  { name: "an empty home", who: "nia", path: "/" },
  { name: "an empty inbox", who: "nia", path: "/notifications" },
  { name: "a search without a find", who: "nia", path: "/listings?q=nothing+like+it" },
  { name: "one toast", who: "bea", path: "/", reach: (page) => rung(page, 1) },
  { name: "a full stack", who: "bea", path: "/listings", reach: (page) => rung(page, 6) },
  { name: "a full stack that is spread", who: "bea", path: "/account", reach: (page) => spread(page) },
  { name: "forced colours: a full stack", who: "bea", path: "/", forced: true, reach: (page) => rung(page, 4) },
  { name: "forced colours: a form", who: "sol", path: "/listings/new", forced: true },
  { name: "signed out elsewhere", who: "nia", path: "/", reach: (page) => signedOut(page) },
  { name: "a refused sign-in", who: "", path: "/sign-in", reach: (page) => page.click("main .button-primary") },
  { name: "a wrong sign-up", who: "", path: "/sign-up", reach: (page) => page.click("main .button-primary") },
  {
    name: "a form of many errors",
    who: "sol",
    path: "/listings/new",
    reach: (page) => page.click("main .button-primary"),
  },
  { name: "an open form in a listing", who: "sol", path: "/listings/1", reach: open("Reserve") },
  { name: "an open question", who: "sol", path: "/listings/1", reach: open("Withdraw") },
  { name: "a suspension asked about", who: "ada", path: "/oversight/people/4", reach: open("Suspend") },
  { name: "a role refused", who: "ada", path: "/oversight/people/4", reach: (page) => refusedRole(page) },
  { name: "a reservation being extended", who: "sol", path: "/listings/5", reach: (page) => extend(page) },
  { name: "another role's page", who: "bea", path: "/oversight" },
  { name: "nothing there", who: "sol", path: "/listings/99999" },
];

const pages = new Map<string, Page>();

test.each(states)("U-10: axe finds nothing wrong with $name", async ({ name, who, path, reach, forced }) => {
  const page = pages.get(who) ?? (await openAs(who));
  pages.set(who, page);
  const at = states.findIndex((state) => state.name === name);
  await page.setViewportSize(at % 2 === 0 ? { width: 1280, height: 900 } : { width: 320, height: 640 });
  await page.emulateMedia({ colorScheme: at % 3 === 0 ? "dark" : "light", forcedColors: forced ? "active" : "none" });
  await page.goto(path);
  if (who) await live(page);
  await reach?.(page);
  // Which colours are forced is the reader's choice.
  expect(await wrongWith(page, { "color-contrast": { enabled: !forced } })).toEqual([]);
});

test("U-10: axe finds nothing wrong with the banner of a page whose stream is away", async () => {
  const { page, context } = await atBrowser(server.url, world.cast.otto);
  await context.addInitScript("delete window.SharedWorker");
  await context.route(/\/stream/, (route) => route.abort());
  await page.goto("/");
  await page.waitForSelector("#outage button");
  expect(await wrongWith(page)).toEqual([]);
  await page.setViewportSize({ width: 320, height: 640 });
  await page.emulateMedia({ colorScheme: "dark" });
  expect(await wrongWith(page)).toEqual([]);
});

/** A page of Nia's, who is new, of somebody's of the demo, or of nobody's. */
async function openAs(who: State["who"]): Promise<Page> {
  if (!who) return (await openContext({ baseURL: server.url, locale: "en-GB" })).newPage();
  const { email } = who === "nia" ? await createPerson(world.db, { role: "buyer" }) : world.cast[who];
  return (await atBrowser(server.url, { email })).page;
}

/** So many toasts come to Bea, and their buttons with them. */
async function rung(page: Page, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    const listing = await publishedListing(world.db, world.cast.sol);
    await watchListing(world.db, world.cast.bea, listing.id);
    await reserveListing(world.db, world.cast.sol, listing, { buyerId: world.cast.otto.id, hours: 1 });
  }
  await world.drain();
  await page.locator("#toasts [data-dismiss]:not([aria-hidden])").first().waitFor();
}

async function spread(page: Page): Promise<void> {
  await rung(page, 3);
  await page.keyboard.press("F8");
}

async function signedOut(page: Page): Promise<void> {
  const other = await page.context().newPage();
  await other.goto("/account");
  await other.getByRole("button", { name: "Sign out" }).first().click();
  await page.waitForSelector("#alerts p");
  await other.close();
}

async function refusedRole(page: Page): Promise<void> {
  await page.locator("summary", { hasText: "Change the role" }).click();
  await page.getByRole("button", { name: "Change the role of" }).click();
  await page.waitForSelector(".error-summary:focus");
}

async function extend(page: Page): Promise<void> {
  await page.locator("summary", { hasText: "Extend" }).click();
  await page.fill("#field-more-hours", "1000");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".error-summary:focus");
}
