import type { Response } from "express";
import { expect, it } from "vitest";
import { fragment, startSite, toast, visit } from "./site.ts";

const LATER = "2026-03-01T10:00:20.000Z";

it("a push brings toast, badge, title and card, and the page asks for nothing", async () => {
  const site = await startSite(card(1, "available"));
  const { tab, state, errors } = await visit(site);
  await expect.poll(state).toBe("live");
  expect(site.askedFor("/stream")).toEqual([{ lastEventId: "5", since: "2026-03-01T10:00:00.000Z" }]);
  site.send("toast", `${toast(6)}${badge(1)}${card(1, "reserved", 2, true)}`, 6);
  await tab.locator("#toasts [data-notification='6']").waitFor();
  expect(await tab.textContent("#toasts .toast-text")).toBe("Sol Metals reserved lot 6");
  expect(await tab.getAttribute("#badge", "data-count")).toBe("1");
  expect(await tab.getAttribute("[data-listing='1']", "data-status")).toBe("reserved");
  expect(await tab.title()).toBe("(1) Page – Stockbell");
  expect(site.asked.map(({ path }) => path)).toEqual(["/page", "/stream"]);
  expect(errors).toEqual([]);
});

it("what people typed does nothing but show, pushed or polled", async () => {
  const typed = `<img src=/evil onerror="fetch('/evil')"><b hx-get="/evil" hx-trigger="load">\n\nevent: signed-out\ndata: x`;
  const raw = `<p hx-disable><i hx-get="/evil" hx-trigger="load"></i></p><script>fetch("/evil")</script>`;
  const site = await startSite("<div id='place'></div>");
  const { tab, state, settle } = await visit(site);
  await expect.poll(state).toBe("live");
  site.send("toast", `${toast(6, typed)}<div id="place" hx-swap-oob="true">${raw}</div>`, 6);
  await tab.locator("#toasts [data-notification='6']").waitFor();
  expect((await tab.textContent("#toasts .toast-text"))?.replaceAll("\r", "")).toBe(typed);
  await tab.clock.runFor(1000);
  await settle();
  expect(site.askedFor("/evil")).toEqual([]);
  expect(await state()).toBe("live");
});

it("the cursor is sent on every reconnect, also after a row of refusals", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await expect.poll(state).toBe("live");
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
  await expect.poll(state).toBe("live");
});

it("bye is honoured: the page comes back when it was told to, not before", async () => {
  const site = await startSite();
  const { tab, state, settle } = await visit(site);
  await expect.poll(state).toBe("live");
  site.send("bye", JSON.stringify({ reconnect: 3000 }));
  await expect.poll(site.streams).toBe(0);
  await tab.clock.runFor(2000);
  await settle();
  expect(site.askedFor("/stream")).toHaveLength(1);
  await tab.clock.runFor(1000);
  await expect.poll(() => site.askedFor("/stream").length).toBe(2);
});

it("told that it is signed out, the page says so once, with the way back, and never asks again", async () => {
  const site = await startSite();
  const { tab, state, settle } = await visit(site);
  await expect.poll(state).toBe("live");
  site.send("signed-out", "expired");
  await expect.poll(state).toBe("signed-out");
  expect(await tab.locator("#alerts p").allTextContents()).toEqual([expect.stringContaining("You are signed out")]);
  expect(await tab.getAttribute("#alerts a", "href")).toBe("/sign-in?next=%2Fpage");
  await tab.evaluate(() => window.dispatchEvent(new Event("online")));
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
  await expect.poll(state).toBe("signed-out");
  await tab.clock.runFor(120_000);
  await settle();
  expect(site.askedFor("/stream")).toHaveLength(1);
  expect(site.askedFor("/stream/fallback")).toHaveLength(1);
});

it("while the stream is away the page polls from the same cursor, and stops when it is back", async () => {
  const site = await startSite();
  const { tab, state, settle } = await visit(site);
  await expect.poll(state).toBe("live");
  site.answers.stream = (_req, res) => res.sendStatus(503);
  site.cut();
  await expect.poll(() => site.askedFor("/stream/fallback").length).toBeGreaterThan(0);
  site.answers.fallback = (req, res) => poll(res, Number(req.query["after"]) < 7 ? [6, 7] : []);
  await passing(tab, async () => (await state()) === "polling", 10_000);
  await tab.locator("[data-notification='7']").waitFor();
  expect(await tab.getAttribute("#badge", "data-count")).toBe("2");
  await passing(tab, () =>
    site.askedFor("/stream/fallback").some(({ after, since }) => after === "7" && since === LATER),
  );
  site.answers.stream = site.stream;
  await passing(tab, () => site.streams() === 1);
  await expect.poll(state).toBe("live");
  expect(site.askedFor("/stream").at(-1)).toEqual({ lastEventId: "7", since: LATER });
  await settle();
  const polls = site.askedFor("/stream/fallback").length;
  await tab.clock.runFor(30_000);
  await settle();
  expect(site.askedFor("/stream/fallback")).toHaveLength(polls);
  expect(await tab.locator("#fallback > *").count()).toBe(0);
});

it("polls too when something swallows the bytes of a stream that looks open, and says offline when nothing answers", async () => {
  const site = await startSite();
  site.answers.stream = site.hang;
  site.answers.fallback = (_req, res) => poll(res, [6]);
  const { tab, state } = await visit(site);
  await expect.poll(site.streams).toBe(1);
  await tab.clock.runFor(6000);
  await tab.locator("[data-notification='6']").waitFor();
  expect(await state()).toBe("polling");
  site.answers.fallback = (_req, res) => res.destroy();
  await passing(tab, async () => (await state()) === "offline");
  site.answers.fallback = (_req, res) => res.sendStatus(204);
  await passing(tab, async () => (await state()) === "polling");
});

it("each number is shown once, however it comes again", async () => {
  const site = await startSite("<ol class='inbox' id='inbox'></ol>");
  const { tab, state, errors } = await visit(site);
  await expect.poll(state).toBe("live");
  for (const read of [false, true])
    site.send("toast", `${toast(6)}<ol hx-swap-oob="afterbegin:#inbox">${row(6, read)}</ol>`, 6);
  site.send("toast", toast(7), 7);
  await tab.locator("[data-notification='7']").waitFor();
  expect(await tab.locator("#toasts [data-notification='6']").count()).toBe(1);
  expect(await tab.locator("#inbox > li").count()).toBe(1);
  expect(await tab.getAttribute("#inbox > li", "data-read")).toBe("true");
  expect(errors).toEqual([]);
});

it("what is older than the page shows, or has no place in it, is left out", async () => {
  const site = await startSite(card(1, "sold", 3));
  const { tab, state, errors } = await visit(site);
  await expect.poll(state).toBe("live");
  site.send("inbox", badge(2, 8));
  site.send("inbox", badge(9, 7));
  site.send("market", card(1, "reserved", 2, true) + card(2, "reserved", 2, true));
  site.send("toast", toast(6), 6);
  await tab.locator("[data-notification='6']").waitFor();
  expect(await tab.getAttribute("#badge", "data-count")).toBe("2");
  expect(await tab.getAttribute("[data-listing='1']", "data-status")).toBe("sold");
  site.send("market", card(1, "available", 4, true));
  await expect.poll(() => tab.getAttribute("[data-listing='1']", "data-status")).toBe("available");
  expect(errors).toEqual([]);
});

it("after a reset the page reads its inbox and badge again, and goes on from the new number", async () => {
  const site = await startSite(`<ol class='inbox' id='inbox'>${row(5, false)}</ol>`);
  let resets = 1;
  site.answers.stream = (req, res) => {
    if (resets-- <= 0) return site.stream(req, res);
    site.answers.page = () => `<ol class='inbox' id='inbox'>${row(2, false)}${row(1, false)}</ol>`;
    site.hang(req, res);
    site.send("hello", JSON.stringify({ state: "reset", replayed: 0, last: 2 }));
  };
  const { tab, state } = await visit(site);
  await tab.locator("#notification-2").waitFor();
  expect(await tab.locator("#inbox > li").count()).toBe(2);
  expect(await tab.title()).toBe("Page – Stockbell");
  site.cut();
  await passing(tab, () => site.askedFor("/stream").length === 2);
  expect(site.askedFor("/stream").at(-1)?.["lastEventId"]).toBe("2");
  await expect.poll(state).toBe("live");
});

it("a drop of less than three seconds shows nothing; a longer one does", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await expect.poll(state).toBe("live");
  site.send("bye", JSON.stringify({ reconnect: 2500 }));
  await expect.poll(site.streams).toBe(0);
  await tab.clock.runFor(2000);
  expect(await state()).toBe("live");
  await tab.clock.runFor(600);
  await expect.poll(site.streams).toBe(1);
  site.send("bye", JSON.stringify({ reconnect: 60_000 }));
  await expect.poll(site.streams).toBe(0);
  await tab.clock.runFor(3100);
  expect(await state()).toBe("connecting");
  await tab.evaluate(() => window.dispatchEvent(new Event("online")));
  await expect.poll(state, { timeout: 1000 }).toBe("live");
});

/** Lets the page's time pass, a second at a time, until something holds. */
async function passing(
  tab: Awaited<ReturnType<typeof visit>>["tab"],
  holds: () => unknown,
  within = 60_000,
): Promise<void> {
  for (let passed = 0; !(await holds()); passed += 1000) {
    if (passed > within) throw new Error(`It does not hold after ${within / 1000} seconds of the page's time.`);
    await tab.clock.runFor(1000);
    await tab.evaluate(() =>
      fetch("/ping")
        .catch(() => undefined)
        .then(() => undefined),
    );
  }
}

function poll(res: Response, seqs: number[]): void {
  if (seqs.length === 0) return void res.sendStatus(204);
  const last = Math.max(...seqs);
  res.set({ "Stockbell-Cursor": String(last), "Stockbell-At": LATER });
  res
    .type("html")
    .send(
      `<div hx-swap-oob="afterbegin:#toasts">${seqs.map((seq) => toast(seq)).join("")}</div>${badge(seqs.length, last)}`,
    );
}

function badge(unseen: number, revision = 1): string {
  return fragment("notifications/badge", { unseen, revision, oob: true, rang: false });
}

function row(seq: number, read: boolean): string {
  const row = { seq, read, seen: false, kind: "listing_sold", headline: "Sold", detail: null, reasonText: null };
  return fragment("notifications/row", { ...row, link: "/listings/1", at: LATER });
}

function card(id: number, status: string, version = 1, oob = false): string {
  const listing = {
    id,
    status,
    version,
    title: "Copper",
    category: "Metals",
    priceMinor: 100,
    currency: "EUR",
    unit: "kg",
  };
  return fragment("marketplace/card", {
    oob,
    listing: { ...listing, quantity: 5, sellerCompany: "Sol", location: "Riga" },
  });
}
