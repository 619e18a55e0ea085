import { readFileSync } from "node:fs";
import type { Locator, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openContext } from "../browser.ts";
import { atBrowser, live } from "../journey/people.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";

const measures = readFileSync(new URL("in-page.js", import.meta.url), "utf8");

let world: World;
let server: TestServer;
beforeAll(async () => {
  world = await createWorld({ demo: true });
  await world.drain();
  server = await serve(world);
});
afterAll(async () => {
  await server.close();
  await world.close();
});

// With colours forced a background, a shadow or a tint tells nothing any more: there must be ink.
test("U-08: with colours forced, light or dark, whatever a colour tells has a shape, and what has the focus has its ring", async () => {
  const viewport = { width: 1280, height: 900 };
  const { page } = await atBrowser(server.url, world.cast.bea, { viewport, forcedColors: "active" });
  await visit(page, "/listings");
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    for (const status of ["available", "reserved", "sold"]) {
      expect(await inkOf(page.locator(`.pill[data-status=${status}] svg`).first()), status).toBeGreaterThan(0.1);
    }
    expect(await inkOf(page.locator(".badge-number"))).toBeGreaterThan(0.1);
    expect(await inkOf(page.locator(".chip-dot"))).toBeGreaterThan(0.1);
    expect(await differ(page, "a[aria-current]", "a:not([aria-current])", ".nav ")).toEqual([true, false]);
    await page.focus(".nav a:not([aria-current])");
    await page.keyboard.press("Shift+Tab");
    await page.keyboard.press("Tab");
    expect(await page.evaluate("everyone.ringless()")).toBe(null);
  }
  await visit(page, "/notifications");
  expect(await differ(page, "[data-read=false]", "[data-read=true]", ".inbox-row")).toEqual([true, false]);
  for (const marked of [".tabs a", "a.topbar-link"]) {
    const [current, other] = [page.locator(`${marked}[aria-current]`), page.locator(`${marked}:not([aria-current])`)];
    expect(await inkAtFoot(current.first()), marked).toBeGreaterThan((await inkAtFoot(other.first())) + 0.2);
  }
  await visit(page, "/notifications/preferences");
  const [on, off] = [page.locator("[type=radio]:checked").first(), page.locator("[type=radio]:not(:checked)").first()];
  expect(await inkOf(on)).toBeGreaterThan((await inkOf(off)) * 1.2);
  for (const field of await page.locator(".input, .panel").all()) expect(await bordered(field)).toBe(true);
  await page.context().close();
});

test("U-08: with colours forced a choice that is made and a field that is wrong can be told from the others", async () => {
  const context = await openContext({ baseURL: server.url, forcedColors: "active", locale: "en-GB" });
  const page = await context.newPage();
  await page.goto("/sign-up");
  await page.getByRole("radio", { name: /^Sell/ }).check();
  await page.getByRole("button", { name: "Create account" }).click();
  await page.waitForSelector(".error-summary:focus");
  await page.evaluate(measures);
  const [on, off] = [page.locator("[type=radio]:checked"), page.locator("[type=radio]:not(:checked)")];
  expect(await inkOf(on)).toBeGreaterThan((await inkOf(off)) * 1.2);
  for (const piece of [".error-summary", ".choice-boxed", ".field-invalid .input"]) {
    expect(await bordered(page.locator(piece).first()), piece).toBe(true);
  }
  expect(await inkOf(page.locator(".error .icon").first())).toBeGreaterThan(0.1);
  await context.close();
});

async function visit(page: Page, path: string): Promise<void> {
  await page.goto(path);
  await live(page);
  await page.evaluate(measures);
}

/** The share of what somebody sees there that stands out from its ground. */
async function inkOf(piece: Locator): Promise<number> {
  const png = (await piece.screenshot()).toString("base64");
  return piece.page().evaluate<number>(`everyone.inked(${JSON.stringify(png)})`);
}

/** The same of its lowest line. */
async function inkAtFoot(piece: Locator): Promise<number> {
  const { x = 0, y = 0, width = 1, height = 1 } = (await piece.boundingBox()) ?? {};
  const clip = { x: x + 4, y: y + height - 4, width: width - 8, height: 6 };
  const png = (await piece.page().screenshot({ clip })).toString("base64");
  return piece.page().evaluate<number>(`everyone.inked(${JSON.stringify(png)})`);
}

/** Whether a mark of the first kind, and of the second, is drawn before or after it by more than a background. */
function differ(page: Page, marked: string, unmarked: string, within: string): Promise<boolean[]> {
  const drawn = (selector: string) => `["::before", "::after"].some((pseudo) => {
    const style = getComputedStyle(document.querySelector(${JSON.stringify(within + selector)}), pseudo);
    const isThere = style.content !== "none" && style.display !== "none";
    return isThere && (style.borderBottomWidth !== "0px" || style.forcedColorAdjust === "none");
  })`;
  return page.evaluate<boolean[]>(`[${drawn(marked)}, ${drawn(unmarked)}]`);
}

function bordered(piece: Locator): Promise<boolean> {
  return piece.evaluate((element: object) => {
    const look = (globalThis as unknown as Looking).getComputedStyle(element);
    return [look.borderTopStyle, look.borderInlineStartStyle].some((style) => style !== "none");
  });
}

type Looking = { getComputedStyle(element: object): { borderTopStyle: string; borderInlineStartStyle: string } };
