import { readFileSync } from "node:fs";
import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { render } from "../../src/views.ts";
import { row, toast } from "../browser/pieces.ts";
import { eventually, freeze, startSite, visit } from "../browser/site.ts";

import { NAMES, toastOf, told } from "./examples.ts";

type Node = {
  nodeId: string;
  childIds: string[];
  ignored: boolean;
  role?: { value: string };
  name?: { value: string };
  properties?: { name: string; value: { value: unknown } }[];
};

/** What Chromium gives a screen reader of the stack: its own attributes, and everything with a role and a name in it. */
async function stackIn(tab: Page) {
  const { nodes, inside } = await treeOf(tab);
  const regions = nodes.filter(({ role, ignored }) => role?.value === "status" && !ignored);
  const stack = regions.find((region) => inside(region).some(({ role }) => role?.value === "article"));
  const properties = Object.fromEntries((stack?.properties ?? []).map(({ name, value }) => [name, value.value]));
  const said = stack ? inside(stack).filter(({ ignored }) => !ignored) : [];
  const named = (role: string) => said.filter((node) => node.role?.value === role).map(({ name }) => tidy(name?.value));
  return { properties, links: named("link"), buttons: named("button"), articles: named("article").length };
}

/** All that Chromium gives a screen reader of a page, and inside(), which lists a node and what is in it as it is read. */
async function treeOf(tab: Page) {
  const session = await tab.context().newCDPSession(tab);
  const { nodes } = (await session.send("Accessibility.getFullAXTree")) as unknown as { nodes: Node[] };
  await session.detach();
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const inside = (node: Node): Node[] => [
    node,
    ...node.childIds.flatMap((id) => inside(byId.get(id) ?? { ...node, childIds: [] })),
  ];
  return { nodes, inside };
}

// A name that is made of several pieces has a space between each two.
function tidy(name = ""): string {
  return name.replaceAll(/\s+([,.:])/g, "$1").trim();
}

it("U-02: a toast is read out as one sentence, and what dismisses it is not read with it", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  const at = new Date("2026-03-01T09:58:00Z");
  const told = {
    kind: "listing_updated",
    headline: "Sol Metals lowered the price of Zinc",
    detail: "From €9.00 to €8.50",
  };
  const notice = { seq: 7, link: "/listings/1", about: 1, at, reasonText: null, ...told };
  site.send("toast", toast(6, "Sol Metals reserved Copper for you", at), 6);
  site.send("toast", render("notifications/toast", "en-GB", notice), 7);
  site.send("toast", render("notifications/summary", "en-GB", { summary: { seq: 9, missed: 4, at } }), 9);
  await eventually(async () => {
    await tab.clock.runFor(50);
    return tab.locator("#toasts > .toast").count();
  }).toBe(3);
  const sentences = [
    "4 new notifications, 2 minutes ago.",
    "Sol Metals lowered the price of Zinc: From €9.00 to €8.50, 2 minutes ago.",
    "Sol Metals reserved Copper for you, 2 minutes ago.",
  ];
  expect(await stackIn(tab)).toMatchObject({
    properties: { live: "polite", atomic: false, relevant: "additions" },
    links: sentences,
    buttons: [],
    articles: 3,
  });
  await tab.clock.runFor(1000);
  expect(await stackIn(tab)).toMatchObject({ links: sentences, buttons: ["Dismiss", "Dismiss", "Dismiss"] });
  expect(await tab.locator("#toasts [data-dismiss]:not([aria-live=off])").count()).toBe(0);
});

it("U-02: what a process of the release before sends, with stops of its own, is read out the same", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  const hidden = (words: string) => `<span class="visually-hidden">${words}</span>`;
  const at = "2026-03-01T09:58:00Z";
  const words = `<span class="toast-text">Sol Metals edited Zinc</span> ${hidden(": ")}<span class="toast-detail">40 t</span>`;
  const time = `${hidden(", ")}<time class="toast-time" datetime="${at}" data-relative>1 Mar 2026, 09:58 UTC</time>${hidden(".")}`;
  const button = `<button class="toast-dismiss" type="button" data-dismiss aria-label="Dismiss" aria-live="off" aria-hidden="true" tabindex="-1"><svg class="icon" viewBox="0 0 24 24" width="20" height="20" aria-hidden="true"><path d="M6 6l12 12M18 6 6 18"/></svg></button>`;
  const link = `<a class="toast-link" href="/listings/1" hx-disable> ${words} ${time} </a>`;
  site.send("toast", `<article class="toast" data-notification="6"> ${link} ${button} </article>`, 6);
  await eventually(async () => {
    await tab.clock.runFor(50);
    return tab.locator("#toasts > .toast").count();
  }).toBe(1);
  const links = ["Sol Metals edited Zinc: 40 t, 2 minutes ago."];
  expect(await stackIn(tab)).toMatchObject({ links, buttons: [] });
  await tab.clock.runFor(1000);
  expect(await stackIn(tab)).toMatchObject({ links, buttons: ["Dismiss"] });
  expect(await tab.locator(".toast-dismiss svg").isVisible()).toBe(false);
});

it("a row that is unread is said to be so once, whichever release it is of, and one that is read is not", async () => {
  const before = row(9, false).replace(
    /<a class="inbox-link".*?<\/a>/,
    '<p><span class="visually-hidden">Unread: </span>$&</p>',
  );
  const site = await startSite(`<ol class="inbox" id="inbox">${row(8, false)}${before}${row(7, true)}</ol>`);
  const { tab } = await visit(site);
  const { nodes, inside } = await treeOf(tab);
  const texts = inside(nodes[0] as Node).filter(({ role, ignored }) => role?.value === "StaticText" && !ignored);
  const said = texts.map(({ name }) => name?.value ?? "").filter((words) => /Unread|reserved lot/.test(words));
  const lot = (seq: number) => `Sol Metals reserved lot ${seq}`;
  expect(said.map((words) => words.trim())).toEqual(["Unread:", lot(8), "Unread:", lot(9), lot(7)]);
});

it("U-02: whoever goes there at once finds the button too, and what lies behind the newest is not read a second time", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  for (const seq of [6, 7]) site.send("toast", toast(seq), seq);
  await eventually(async () => {
    await tab.clock.runFor(50);
    return tab.locator("#toasts > .toast").count();
  }).toBe(2);
  const before = await stackIn(tab);
  await tab.keyboard.press("F8");
  const { links, buttons } = await stackIn(tab);
  expect(links).toEqual(before.links);
  expect(buttons).toEqual(["Dismiss", "Dismiss"]);
});

it("U-11: at 375 pixels a toast says what happened in two lines at the most, all of it with names of the usual length", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await tab.setViewportSize({ width: 375, height: 740 });
  await tab.evaluate(readFileSync(new URL("in-page.js", import.meta.url), "utf8"));
  const usual = NAMES;
  const long = {
    company: "Vereinigte Norddeutsche Buntmetallhandelsgesellschaft",
    person: "Wilhelmina Featherstonehaugh-Cholmondeley",
    title: "Extra virgin olive oil, 2025 harvest, cold pressed, in drums of 200 litres, with certificates",
  };
  for (const [seq, [kind, , reason]] of told.entries()) {
    for (const names of [usual, long]) {
      const [shown, whole] = await tab.evaluate<[{ lines: number; whole: boolean }, string]>(`{
        const stack = document.querySelector("#toasts");
        stack.innerHTML = ${JSON.stringify(toastOf(kind, reason, names, seq + 6))};
        [everyone.lines(stack.querySelector(".toast-text")), stack.querySelector(".toast-text").textContent];
      }`);
      expect({ kind, reason, ...shown, few: shown.lines <= 2 }).toMatchObject({ few: true });
      if (names === usual) expect({ kind, reason, whole: shown.whole }).toEqual({ kind, reason, whole: true });
      expect(whole).toContain(names.title);
    }
  }
  await tab.setViewportSize({ width: 1280, height: 720 });
});

it("U-01: one of the kinds that may interrupt would, and no other does", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  const loud = { seq: 6, link: "/account", headline: "Your account is suspended", at: new Date(), interrupts: true };
  site.send("toast", render("notifications/toast", "en-GB", loud), 6);
  site.send("toast", toast(7), 7);
  await tab.locator("[data-notification='7']").waitFor();
  const live = "[...document.querySelectorAll('#toasts > .toast')].map(({ ariaLive }) => ariaLive)";
  expect(await tab.evaluate(live)).toEqual([null, "assertive"]);
});
