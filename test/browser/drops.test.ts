import type { Response } from "express";
import { expect, it } from "vitest";
import { LATER, poll, toast } from "./pieces.ts";
import { eventually, freeze, passing, startSite, visit } from "./site.ts";

it("the cursor is sent on every reconnect, also after a row of refusals", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  site.send("toast", toast(6), 6);
  site.send("heartbeat", JSON.stringify({ last: 6, at: LATER }));
  await tab.locator("[data-notification='6']").waitFor();
  site.answers.stream = (_req, res) => res.sendStatus(503);
  site.cut();
  await passing(tab, () => site.askedFor("/stream").length >= 5);
  site.answers.stream = site.stream;
  await passing(tab, () => site.streams() === 1);
  const again = site.askedFor("/stream").slice(1);
  expect(again).toEqual(again.map(() => ({ lastEventId: "6", since: LATER })));
  await eventually(state).toBe("live");
});

it("bye is honoured: the page comes back when it was told to, not before", async () => {
  const site = await startSite();
  const { tab, state, settle } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  site.send("bye", JSON.stringify({ reconnect: 3000 }));
  await eventually(site.streams).toBe(0);
  await tab.clock.runFor(2000);
  await settle();
  expect(site.askedFor("/stream")).toHaveLength(1);
  await tab.clock.runFor(1000);
  await eventually(() => site.askedFor("/stream").length).toBe(2);
});

it("told that it is signed out, the page says so once, with the way back, and never asks again", async () => {
  const site = await startSite();
  const { tab, state, settle } = await visit(site);
  await eventually(state).toBe("live");
  site.send("signed-out", "expired");
  await eventually(state).toBe("signed-out");
  expect(await tab.locator("#alerts p").allTextContents()).toEqual([expect.stringContaining("You are signed out")]);
  expect(await tab.getAttribute("#alerts a", "href")).toBe("/sign-in?next=%2Fpage");
  await tab.evaluate("window.dispatchEvent(new Event('online'))");
  await tab.clock.runFor(120_000);
  await settle();
  expect(site.asked.map(({ path }) => path)).toEqual(["/page", "/stream", "/ping"]);
});

it.each([
  ["401", (res: Response) => res.sendStatus(401)],
  ["403", (res: Response) => res.sendStatus(403)],
  ["a redirect to sign-in", (res: Response) => res.redirect(303, "/sign-in?next=/")],
])("a stream refused with %s means signed out, for good", async (_how, refuse) => {
  const site = await startSite();
  site.answers.stream = site.answers.fallback = (_req, res) => refuse(res);
  const { tab, state, settle } = await visit(site);
  await eventually(state).toBe("signed-out");
  await tab.clock.runFor(120_000);
  await settle();
  expect(site.askedFor("/stream")).toHaveLength(1);
  expect(site.askedFor("/stream/fallback")).toHaveLength(1);
});

it("while the stream is away the page polls from the same cursor, and stops when it is back", async () => {
  const site = await startSite();
  const { tab, state, settle } = await visit(site);
  await eventually(state).toBe("live");
  site.answers.stream = (_req, res) => res.sendStatus(503);
  site.cut();
  await eventually(() => site.askedFor("/stream/fallback").length).toBeGreaterThan(0);
  site.answers.fallback = (req, res) => poll(res, Number(req.query.after) < 7 ? [6, 7] : []);
  await passing(tab, async () => (await state()) === "polling", 10);
  await tab.locator("[data-notification='7']").waitFor();
  expect(await tab.locator("#toasts .toast-text").allTextContents()).toEqual(
    [7, 6].map((n) => `Sol Metals reserved lot ${n}`),
  );
  expect(await tab.getAttribute("#badge", "data-count")).toBe("2");
  await passing(tab, () =>
    site.askedFor("/stream/fallback").some(({ after, since }) => after === "7" && since === LATER),
  );
  site.answers.stream = site.stream;
  await passing(tab, () => site.streams() === 1);
  await eventually(state).toBe("live");
  expect(site.askedFor("/stream").at(-1)).toEqual({ lastEventId: "7", since: LATER });
  await settle();
  const polls = site.askedFor("/stream/fallback").length;
  await tab.clock.runFor(30_000);
  await settle();
  expect(site.askedFor("/stream/fallback")).toHaveLength(polls);
});

it("shows once what the stream brings while the answer to a poll is still on its way", async () => {
  const site = await startSite();
  let held: Response | undefined;
  site.answers.stream = (_req, res) => res.sendStatus(503);
  site.answers.fallback = (_req, res) => {
    held = res;
  };
  const { tab, state, settle } = await visit(site);
  await passing(tab, () => held !== undefined);
  site.answers.stream = site.stream;
  await passing(tab, async () => (await state()) === "live");
  site.send("toast", toast(6), 6);
  await tab.locator("[data-notification='6']").waitFor();
  if (held) poll(held, [6, 7]);
  await settle();
  site.send("toast", toast(7), 7);
  await tab.locator("[data-notification='7']").waitFor();
  expect(await tab.locator("#toasts .toast").count()).toBe(2);
});

it("polls too when something swallows the bytes of a stream that looks open, and says offline when nothing answers", async () => {
  const site = await startSite();
  site.answers.stream = site.hang;
  site.answers.fallback = (_req, res) => poll(res, [6]);
  const { tab, state } = await visit(site);
  await eventually(site.streams).toBe(1);
  await tab.clock.runFor(6000);
  await tab.locator("[data-notification='6']").waitFor();
  expect(await state()).toBe("polling");
  site.answers.fallback = (_req, res) => res.destroy();
  await passing(tab, async () => (await state()) === "offline");
  site.answers.fallback = (_req, res) => res.sendStatus(204);
  await passing(tab, async () => (await state()) === "polling");
});

it("a drop of more than three seconds shows, until the network is back", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  site.send("bye", JSON.stringify({ reconnect: 60_000 }));
  await eventually(site.streams).toBe(0);
  await tab.clock.runFor(3100);
  expect(await state()).toBe("connecting");
  await tab.evaluate("window.dispatchEvent(new Event('online'))");
  await tab.clock.runFor(1000);
  await eventually(state).toBe("live");
});
