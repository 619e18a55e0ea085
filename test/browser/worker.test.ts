import type { Request, Response } from "express";
import { expect, it } from "vitest";
import { toast } from "./pieces.ts";
import { eventually, startSite, visitShared } from "./site.ts";

it("keeps its number through a 502, a 503, a 204 and an error page, and is live with the first stream", async () => {
  const site = await startSite();
  const refusals = [
    (_req: Request, res: Response) => res.sendStatus(502),
    (_req: Request, res: Response) => res.sendStatus(503),
    (_req: Request, res: Response) => res.sendStatus(204),
    (_req: Request, res: Response) => res.type("html").send("<!doctype html><title>Sorry</title>"),
  ];
  site.answers.stream = (req, res) => (refusals.shift() ?? site.stream)(req, res);
  const { tab, state } = await visitShared(site);
  await eventually(state).toBe("live");
  expect(site.askedFor("/stream").map(({ lastEventId }) => lastEventId)).toEqual(["5", "5", "5", "5", "5"]);
  site.send("toast", toast(6), 6);
  await tab.locator("[data-notification='6']").waitFor();
});

it.each([
  ["a redirect to sign-in", (res: Response) => res.redirect(303, "/sign-in?next=/")],
  ["401", (res: Response) => res.sendStatus(401)],
])("answered with %s it is signed out in every tab, and asks no more", async (_how, refuse) => {
  const site = await startSite();
  const { context, tab, state, settle } = await visitShared(site);
  const other = await context.newPage();
  await other.goto(`${site.url}/page`);
  await eventually(state).toBe("live");
  site.answers.stream = site.answers.fallback = (_req, res) => refuse(res);
  site.cut();
  await eventually(state).toBe("signed-out");
  await eventually(() => other.getAttribute("#connection", "data-state")).toBe("signed-out");
  const attempts = site.asked.filter(({ path }) => path.startsWith("/stream")).length;
  for (const page of [tab, other]) await page.evaluate("window.dispatchEvent(new Event('online'))");
  await settle();
  expect(site.asked.filter(({ path }) => path.startsWith("/stream"))).toHaveLength(attempts);
});

it("a worker that cannot be had is done without", async () => {
  const site = await startSite();
  site.answers.asset = (req, res, next) => (req.path.endsWith("/shared.js") ? res.sendStatus(404) : next());
  const { tab, state } = await visitShared(site);
  await eventually(state).toBe("live");
  site.send("toast", toast(6), 6);
  await tab.locator("[data-notification='6']").waitFor();
});
