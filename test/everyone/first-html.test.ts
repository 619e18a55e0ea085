import { afterAll, beforeAll, expect, test } from "vitest";
import { ACTORS, routesOf, rowsOf } from "../accounts/table.ts";
import { createVisitors, servedBy, type Visitors } from "../accounts/visitors.ts";

const POLITE =
  '<div id="toasts" class="toasts" role="status" aria-live="polite" aria-atomic="false" aria-relevant="additions"';
const ASSERTIVE = '<div id="alerts" class="alerts" role="alert"></div>';

let visitors: Visitors;
beforeAll(async () => {
  visitors = await createVisitors();
});
afterAll(() => visitors.close());

test("U-01: every page has both live regions from the start, empty, and nothing else that interrupts", async () => {
  const seen = new Map<number, number>();
  for (const [where, { status, body }] of await everyPage()) {
    const page = body.replaceAll(/\s+/g, " ");
    expect(page.split(ASSERTIVE), where).toHaveLength(2);
    expect(page.split(POLITE), where).toHaveLength(2);
    expect(page, where).toMatch(/<div id="toasts"[^>]*><\/div>/);
    expect(page.replace(ASSERTIVE, ""), where).not.toMatch(/role="alert"|aria-live="assertive"/);
    seen.set(status, (seen.get(status) ?? 0) + 1);
  }
  expect([...seen.keys()].sort()).toEqual([200, 403, 404, 409, 422]);
  expect(seen.get(200)).toBeGreaterThan(40);
});

/** Every page that anybody of the cast is answered with, pages of errors and of wrong forms included. */
async function everyPage() {
  const { site, send, ask, pathOf, cookieOf } = visitors;
  const pages: [string, { status: number; body: string }][] = [];
  const keep = (where: string, answer: { status: number; body: string }) => {
    if (/^\s*<!doctype html>/.test(answer.body)) pages.push([`${where}: ${answer.status}`, answer]);
  };
  for (const { name, method } of routesOf(site.app)) {
    if (method === "GET") {
      for (const [object] of rowsOf(name)) {
        for (const actor of ACTORS) keep(`${actor} ${name}`, await send("GET", pathOf(name, object), cookieOf(actor)));
      }
    } else if (/POST \/(sign-in|sign-up|listings|listings\/:id|account\/password)$/.test(name)) {
      keep(name, await ask(name, rowsOf(name)[0]?.[0] ?? "nothing", servedBy(name)));
    }
  }
  return pages;
}
