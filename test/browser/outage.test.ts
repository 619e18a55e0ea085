import type { Request, Response } from "express";
import { expect, it } from "vitest";
import { LATER, poll, toast } from "./pieces.ts";
import { eventually, freeze, passing, type Site, startSite, visit } from "./site.ts";

const BANNER = "#outage:has(button)";

it("U-20: of a drop of less than three seconds nothing is shown or said", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  site.send("bye", JSON.stringify({ reconnect: 2500 }));
  await eventually(site.streams).toBe(0);
  await tab.clock.runFor(2600);
  await eventually(site.streams).toBe(1);
  site.send("heartbeat", JSON.stringify({ last: 5, at: LATER }));
  await tab.clock.runFor(10_000);
  expect([await state(), await tab.innerHTML("#outage"), await chip(tab)]).toEqual(["live", "", "Live"]);
});

it("U-20: five seconds after a drop the page says so, with its age and a way to try again; once back, what it was", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  site.answers.stream = (_req, res) => res.sendStatus(503);
  site.answers.fallback = (req, res) => poll(res, Number(req.query.after) < 6 ? [6] : []);
  await countSayings(tab);
  site.send("bye", JSON.stringify({ reconnect: 60_000 }));
  await eventually(site.streams).toBe(0);
  await tab.clock.runFor(3900);
  expect(await tab.innerHTML("#outage")).toBe("");
  await tab.clock.runFor(1500);
  await tab.locator("[data-notification='6']").waitFor();
  expect(await state()).toBe("polling");
  expect(await tab.textContent(BANNER)).toMatch(
    /^Live updates are interrupted\. This page looks for news every 10 seconds meanwhile\. As of \d.*\.Retry now$/,
  );
  await eventually(() => tab.getAttribute("#outage time", "datetime")).toBe(LATER);
  await passing(tab, () => site.askedFor("/stream/fallback").length >= 4);
  expect(await sayings(tab)).toBe(1);

  site.answers.stream = (req, res) => comeBack(site, req, res, [7, 8]);
  await tab.click("#outage button");
  await passing(tab, async () => (await state()) === "live", 2);
  await eventually(() => chip(tab)).toMatch(/^Away \d+ s, 3 missed, all here$/);
  expect(await tab.locator(BANNER).count()).toBe(0);
  expect(await tab.textContent("#outage")).toMatch(/^Live updates are back\. Away \d+ s, 3 missed, all here\.$/);
  expect(await sayings(tab)).toBe(2);
  await tab.clock.runFor(11_000);
  expect([await chip(tab), await tab.innerHTML("#outage")]).toEqual(["Live", ""]);
});

it("U-20: with the network gone it says offline, and is live within a second of its return", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  const usual = site.answers.stream;
  site.answers.stream = site.answers.fallback = (_req, res) => res.destroy();
  site.cut();
  await tab.evaluate("window.dispatchEvent(new Event('offline'))");
  await passing(tab, async () => (await tab.locator(BANNER).count()) === 1, 7);
  expect(await state()).toBe("offline");
  expect(await tab.textContent(BANNER)).toContain("You are offline. This page will catch up by itself");
  site.answers.stream = usual;
  await tab.evaluate("window.dispatchEvent(new Event('online'))");
  await tab.clock.runFor(999);
  await eventually(state).toBe("live");
  expect(await tab.locator(BANNER).count()).toBe(0);
});

it("a page whose stream never came says so as well, and claims nothing untrue when it comes", async () => {
  const site = await startSite();
  site.answers.stream = site.hang;
  const { tab, state } = await visit(site);
  await eventually(site.streams).toBe(1);
  await passing(tab, async () => (await tab.locator(BANNER).count()) === 1, 7);
  site.send("hello", JSON.stringify({ state: "reset", replayed: 0, last: 9 }));
  site.send("heartbeat", JSON.stringify({ last: 9, at: LATER }));
  await eventually(state).toBe("live");
  await eventually(() => tab.innerHTML("#outage")).toBe("");
  expect(await chip(tab)).toBe("Live");
});

/** What the chip shows of its words. */
function chip(tab: { innerText(selector: string): Promise<string> }): Promise<string> {
  return tab.innerText("#connection");
}

/** Counts how often something is put where it is read out. */
async function countSayings(tab: { evaluate(script: string): Promise<unknown> }): Promise<void> {
  await tab.evaluate(`
    window.sayings = 0;
    new MutationObserver((changes) => {
      window.sayings += changes.filter(({ target, addedNodes }) => addedNodes.length && !target.closest("[aria-live=off]")).length;
    }).observe(document.querySelector("#outage"), { childList: true, subtree: true });`);
}

function sayings(tab: { evaluate(script: string): Promise<unknown> }): Promise<unknown> {
  return tab.evaluate("window.sayings");
}

function comeBack(site: Site, req: Request, res: Response, seqs: number[]): void {
  site.hang(req, res);
  const last = seqs.at(-1);
  site.send("hello", JSON.stringify({ state: "resumed", replayed: seqs.length, last }));
  for (const seq of seqs) site.send("toast", toast(seq), seq);
  site.send("heartbeat", JSON.stringify({ last, at: LATER }));
}
