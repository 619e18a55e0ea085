import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { savePreferences } from "../../src/notifications/preferences.ts";
import { openContext } from "../browser.ts";
import { publishedListing } from "../cast.ts";
import { atBrowser, live } from "../journey/people.ts";
import { announced } from "../oversight/announcing.ts";
import { failedJob } from "../poison.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";

const measures = readFileSync(new URL("in-page.js", import.meta.url), "utf8");

let world: World;
let server: TestServer;
beforeAll(async () => {
  world = await createWorld({ demo: true });
  const times = { quietFrom: null, quietTo: null, timeZone: "Europe/Berlin" };
  await savePreferences(world.db, world.cast.bea.id, { ...times, keepToasts: true, shown: {} });
  await failedJob(world.db, 1);
  await announced(world.db, world.cast.ada, { to: "seller" });
  await world.drain();
  server = await serve(world);
});
afterAll(async () => {
  await server.close();
  await world.close();
});

type Who = "" | "bea" | "sol" | "ada";

const visits: [Who, string[]][] = [
  ["", ["/", "/sign-in", "/sign-up", "/nowhere"]],
  ["bea", ["/", "/listings", "/listings/1", "/enquiries", "/enquiries/1", "/account"]],
  ["bea", ["/notifications", "/notifications?by=listing", "/notifications/preferences"]],
  ["sol", ["/", "/listings?mine=1", "/listings/1", "/listings/5", "/listings/new", "/notifications?kind=announcement"]],
  ["ada", ["/oversight", "/oversight?person=demo", "/oversight/health", "/oversight/events/40?person=otto"]],
  ["ada", ["/oversight/jobs", "/oversight/announcements", "/oversight/proof"]],
  ["ada", ["/oversight/people", "/oversight/people/1", "/oversight/people/4"]],
];

// 320 by 256 is what is left of 1280 by 1024 at 400 %.
const looks = [
  { name: "400 %, dark", width: 320, height: 256, colorScheme: "dark" },
  { name: "narrow, with wide spacing", width: 320, height: 640, colorScheme: "light", spaced: true },
  { name: "wide", width: 1280, height: 800, colorScheme: "light" },
  { name: "very wide, dark", width: 2560, height: 1200, colorScheme: "dark" },
] as const;

const SPACED = `{
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(\`* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important }
    p { margin-block-end: 2em !important }\`);
  document.adoptedStyleSheets = [sheet];
}`;

const WRONG = `({
  small: everyone.small(), sideways: everyone.sideways(), cut: everyone.cut(), overlapping: everyone.overlapping(),
  faint: everyone.faint(), moving: everyone.moving(), longLines: everyone.longLines(),
})`;
const NOTHING = { small: [], sideways: [], cut: [], overlapping: [], faint: [], moving: [], longLines: [] };

test.each(visits)(
  "U-08, U-09: the pages of '%s' reflow, stand out, can be hit and keep still: %j",
  async (who, paths) => {
    const page = await open(who);
    for (const path of paths) {
      await visit(page, path, who !== "");
      for (const { name, width, height, colorScheme, ...look } of looks) {
        await page.setViewportSize({ width, height });
        await page.emulateMedia({ colorScheme });
        await page.evaluate("spaced" in look ? SPACED : "document.adoptedStyleSheets = []");
        // A conversation is opened at its end, beneath the bar that stays in sight.
        await page.evaluate("scrollTo(0, 0)");
        expect({ path, name, ...(await page.evaluate<object>(WRONG)) }).toEqual({ path, name, ...NOTHING });
      }
      await page.setViewportSize({ width: 320, height: 640 });
      await page.evaluate("document.dir = 'rtl'");
      expect({
        path,
        fromTheRight: await page.evaluate("[...everyone.sideways(), ...everyone.overlapping()]"),
      }).toEqual({
        path,
        fromTheRight: [],
      });
    }
    await page.context().close();
  },
);

test("U-07, U-09: with three toasts showing, whatever Tab leads to is in sight with a ring around it, at three widths and both ways", async () => {
  const page = await open("bea");
  await visit(page, "/", true);
  await ring(3);
  await page.locator("#toasts > .toast").nth(2).waitFor();
  expect(await page.evaluate("everyone.moving()")).toEqual([]);
  for (const width of [320, 768, 1280]) {
    await page.setViewportSize({ width, height: 640 });
    await page.evaluate("document.activeElement.blur(); scrollTo(0, 0)");
    const seen = await walk(page, "Tab");
    expect(seen.filter(({ wrong }) => wrong.length > 0)).toEqual([]);
    expect(seen.length).toBeGreaterThan(20);
    expect(seen.filter(({ inToasts }) => inToasts)).toHaveLength(6);
  }
  await page.evaluate("document.querySelector('#toasts .toast:last-child button').focus()");
  expect((await walk(page, "Shift+Tab")).filter(({ wrong }) => wrong.length > 0)).toEqual([]);
  await page.context().close();
});

test("U-09: without that wish nothing moves for longer than five seconds by itself", async () => {
  const page = await open("bea", "no-preference");
  await visit(page, "/", true);
  await ring(1);
  await page.locator("#toasts > .toast").first().waitFor();
  await page.evaluate("document.querySelector('#connection').dataset.state = 'connecting'");
  const lasting = `document.getAnimations().map(({ effect, animationName }) =>
    [animationName ?? "", effect.getComputedTiming().endTime])`;
  const found = await page.evaluate<[string, number][]>(lasting);
  expect(found.map(([name]) => name)).toContain("breathe");
  for (const [name, ms] of found) expect({ name, ms, brief: ms <= 5000 }).toEqual({ name, ms, brief: true });
  await page.context().close();
});

test("U-08: what a finger presses most is 44 pixels high", async () => {
  const touch = { baseURL: server.url, viewport: { width: 375, height: 740 }, hasTouch: true, isMobile: true };
  const { page } = await atBrowser(server.url, world.cast.bea, touch);
  for (const path of ["/", "/listings", "/listings/1", "/notifications", "/notifications/preferences"]) {
    await visit(page, path, true);
    const main =
      ".button:not(.button-small, .inbox-marks > *), .nav a, .topbar-link, .tabs a, .input, summary, .ways label, .choice";
    expect({ path, low: await page.evaluate(`everyone.low(${JSON.stringify(main)}, 44)`) }).toEqual({ path, low: [] });
  }
  await ring(1);
  expect(await page.locator(".toast-dismiss").first().boundingBox()).toMatchObject({ width: 44, height: 44 });
  await page.context().close();
});

/** A page of somebody's, or of nobody's. */
async function open(who: Who, reducedMotion: "reduce" | "no-preference" = "reduce"): Promise<Page> {
  const options = { baseURL: server.url, locale: "en-GB", reducedMotion };
  if (who) return (await atBrowser(server.url, world.cast[who], options)).page;
  return (await openContext(options)).newPage();
}

async function visit(page: Page, path: string, signedIn: boolean): Promise<void> {
  await page.goto(path);
  if (signedIn) await live(page);
  await page.evaluate(measures);
}

/** Something happens to listings that Bea watches. */
async function ring(times: number): Promise<void> {
  const { db, cast } = world;
  for (let time = 0; time < times; time += 1) {
    const listing = await publishedListing(db, cast.sol);
    await watchListing(db, cast.bea, listing.id);
    await reserveListing(db, cast.sol, listing, { buyerId: cast.otto.id, hours: 1 });
  }
  await world.drain();
}

type Step = { wrong: string[]; inToasts: boolean };

/** Goes through the whole page by one key, and says of each stop what is wrong with it. */
async function walk(page: Page, key: string): Promise<Step[]> {
  const steps: Step[] = [];
  for (; steps.length < 200; ) {
    await page.keyboard.press(key);
    const step = await page.evaluate<Step | null>(`document.activeElement === document.body ? null : {
      wrong: [everyone.hiddenFocus(), everyone.ringless()].filter(Boolean),
      inToasts: Boolean(document.activeElement.closest("#toasts")),
    }`);
    if (!step) break;
    steps.push(step);
  }
  return steps;
}
