import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openContext } from "../browser.ts";
import { failedJob } from "../poison.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";
import { atBrowser } from "./people.ts";

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
async function wrongWith(page: Page): Promise<string[]> {
  // A colour on its way from light to dark is neither, and would be measured as it is that moment.
  await page.evaluate("Promise.allSettled(document.getAnimations().map(({ finished }) => finished))");
  // The page's own policy lets no script in; the tester's comes in by the debugger.
  const session = await page.context().newCDPSession(page);
  await session.send("Runtime.evaluate", { expression: axe });
  const { result } = await session.send("Runtime.evaluate", {
    expression: `axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })
      .then(({ violations }) => JSON.stringify(violations.flatMap(({ id, nodes }) => nodes.map(({ target }) => id + ": " + target))))`,
    awaitPromise: true,
  });
  return JSON.parse(result.value);
}

const visits: [who: "" | "bea" | "sol" | "ada", paths: string[]][] = [
  ["", ["/", "/sign-in", "/sign-up", "/nowhere"]],
  ["bea", ["/", "/listings", "/listings/1", "/enquiries", "/notifications", "/notifications/preferences", "/account"]],
  ["sol", ["/", "/listings?mine=1", "/listings/1", "/listings/5", "/listings/new"]],
  ["ada", ["/oversight", "/oversight/jobs"]],
];

test.each(visits)(
  "axe finds nothing wrong with the pages of '%s', wide and light, narrow and dark",
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

test("axe finds nothing wrong with an open reason in the inbox, nor with what is wrong in the preferences", async () => {
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
