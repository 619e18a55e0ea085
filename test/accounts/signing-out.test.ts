import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { publishedListing } from "../cast.ts";
import { atBrowser, live } from "../journey/people.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";

vi.setConfig({ testTimeout: 60_000 });

const PAGES = ["/", "/account", "/listings", "/notifications", "/notifications/preferences"];

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

test("S-18: after signing out the browser's Back shows nothing of what was there", async () => {
  const { context, page } = await atBrowser(server.url, world.cast.bea);
  onTestFinished(() => context.close());
  for (const path of ["/account", "/notifications"]) await page.goto(path);
  await live(page);
  await page.locator(".topbar").getByRole("button", { name: "Sign out" }).click();
  await page.waitForSelector("body:not([data-user])");
  for (let back = 0; back < 2; back += 1) {
    await page.goBack();
    expect(new URL(page.url()).pathname).toBe("/sign-in");
    expect(await page.locator("body[data-user]").count()).toBe(0);
    expect(await page.content()).not.toContain(world.cast.bea.name);
  }
});

test("S-18: no page of whoever is signed in is stored, and leaving clears what the browser holds", async () => {
  const { bea, sol } = world.cast;
  const listing = await publishedListing(world.db, sol);
  const cookie = await server.signIn(bea);
  for (const path of [...PAGES, "/enquiries", `/listings/${listing.id}`, "/nothing", "/stream/fallback?after=0"]) {
    const { headers } = await fetch(server.url + path, { headers: { Cookie: cookie } });
    expect(headers.get("Cache-Control"), path).toContain("no-store");
  }
  const account = await (await fetch(`${server.url}/account`, { headers: { Cookie: cookie } })).text();
  expect(account).toContain('"historyCacheSize":0');
  const own = /action="(\/account\/sessions\/[^"]+\/end)"/.exec(account)?.[1] ?? "";
  const endings = [
    await server.post("/sign-out", await server.signIn(bea)),
    await server.post(own, cookie),
    await server.post("/sign-out", await server.signIn(bea), {}, { "HX-Request": "true" }),
  ];
  for (const { status, headers } of endings)
    expect([status < 400, headers.get("Clear-Site-Data")]).toEqual([true, '"cache"']);
});

test("S-14: signing out is on every page of every role, also where something is missing or not for them", async () => {
  for (const person of [world.cast.bea, world.cast.sol, world.cast.ada]) {
    const cookie = await server.signIn(person);
    for (const path of [...PAGES, "/nothing", "/oversight", "/listings/new"]) {
      const answer = await fetch(server.url + path, { headers: { Cookie: cookie } });
      expect(await answer.text(), `${person.name} at ${path}`).toContain('action="/sign-out"');
    }
  }
});
