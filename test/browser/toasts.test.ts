import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { toast } from "./pieces.ts";
import { eventually, freeze, startSite, visit } from "./site.ts";

// Run in the page: counts what a screen reader is given to read, which is what is there once the turn is over.
const COUNT_SPOKEN = `
  const spoken = new Set();
  new MutationObserver((changes) => {
    for (const node of changes.flatMap((change) => [...change.addedNodes])) {
      if (node.localName === "article" && node.isConnected && node.ariaLive !== "off") spoken.add(node);
    }
    document.body.dataset.spoken = spoken.size;
  }).observe(document.querySelector("#toasts"), { childList: true });`;

it("U-03: a hundred toasts while typing move neither the focus, nor a letter, nor the page", async () => {
  const site = await startSite(`<textarea id="note"></textarea>${"<p>line</p>".repeat(200)}`);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await tab.focus("#note");
  await tab.evaluate("document.querySelector('#note').addEventListener('blur', () => (document.title = 'lost'))");
  const text = "the quick brown fox jumps over the lazy dog, twice";
  for (const [index, letter] of [...text].entries()) {
    for (const seq of [6 + 2 * index, 7 + 2 * index]) site.send("toast", toast(seq), seq);
    await tab.keyboard.type(letter);
  }
  await tab.locator("[data-notification='105']").waitFor();
  expect(await tab.inputValue("#note")).toBe(text);
  expect(await tab.evaluate("[document.activeElement.id, scrollY]")).toEqual(["note", 0]);
  expect(await tab.title()).not.toContain("lost");
}, 60_000);

it("U-05: of a burst three toasts are seen, the rest is one line to the inbox, and four are read out", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await tab.evaluate(COUNT_SPOKEN);
  for (let seq = 6; seq < 56; seq++) site.send("toast", toast(seq), seq);
  await tab.locator("[data-notification='55']").waitFor();
  await eventually(() => shown(tab)).toEqual(["55", "54", "53"]);
  const more = tab.locator("#toasts [data-more]");
  expect((await more.textContent())?.trim()).toBe("47 more – open notifications");
  expect(await more.locator("a").isVisible()).toBe(true);
  expect(await more.locator("a").getAttribute("href")).toBe("/notifications");
  expect(Number(await tab.getAttribute("body", "data-spoken"))).toBeLessThanOrEqual(4);
});

it("U-04: a toast stays six seconds, a long one a second for every three words", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  site.send("toast", toast(6), 6);
  site.send("toast", toast(7, "word ".repeat(30)), 7);
  await arrived(tab, 7);
  await tab.clock.runFor(5700);
  expect(await shown(tab)).toEqual(["7", "6"]);
  await tab.clock.runFor(500);
  await eventually(() => shown(tab)).toEqual(["7"]);
  await tab.clock.runFor(3400);
  expect(await shown(tab)).toEqual(["7"]);
  await tab.clock.runFor(2500);
  await eventually(() => shown(tab)).toEqual([]);
});

it("U-04: the pointer or the focus on the stack holds the time, and a hidden page too", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  site.send("toast", toast(6), 6);
  await tab.locator("[data-notification='6'] a").hover();
  await tab.clock.runFor(30_000);
  expect(await shown(tab)).toEqual(["6"]);
  await tab.keyboard.press("F8");
  await tab.mouse.move(0, 0);
  await tab.clock.runFor(30_000);
  expect(await shown(tab)).toEqual(["6"]);
  await hide(tab, true);
  await tab.evaluate("document.activeElement.blur()");
  await tab.clock.runFor(30_000);
  expect(await shown(tab)).toEqual(["6"]);
  await hide(tab, false);
  await tab.clock.runFor(7000);
  await eventually(() => shown(tab)).toEqual([]);
});

it("U-06: F8 leads to the newest toast, Tab on to the older, Escape dismisses and leads back", async () => {
  const site = await startSite(`<textarea id="note"></textarea>`);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  for (const seq of [6, 7, 8]) site.send("toast", toast(seq), seq);
  await arrived(tab, 8);
  await tab.focus("#note");
  await tab.keyboard.press("F8");
  const focused = () => tab.evaluate("document.activeElement.closest('.toast').dataset.notification");
  expect(await focused()).toBe("8");
  await tab.keyboard.press("Tab");
  await tab.keyboard.press("Tab");
  expect(await focused()).toBe("7");
  await tab.keyboard.press("Escape");
  expect(await tab.evaluate("document.activeElement.id")).toBe("note");
  expect(await shown(tab)).toEqual(["8", "6"]);
  await tab.keyboard.press("Escape");
  expect(await shown(tab)).toEqual(["6"]);
  await tab.clock.runFor(300);
  await tab.click("[data-notification='6'] [data-dismiss]");
  await tab.clock.runFor(300);
  await eventually(() => tab.locator("#toasts > *").count()).toBe(0);
  await tab.keyboard.type("Still here");
  expect(await tab.inputValue("#note")).toBe("Still here");
});

/** The numbers of the toasts that are on the screen and stay there, newest first. */
async function shown(tab: Page): Promise<string[]> {
  return tab.evaluate(
    "[...document.querySelectorAll('#toasts > [data-notification]:not(.is-leaving)')].map((toast) => toast.dataset.notification)",
  );
}

/** Of a burst the first is shown at once, and the rest together a tenth of a second later by the page's clock, which stands. */
async function arrived(tab: Page, seq: number): Promise<void> {
  await eventually(async () => {
    await tab.clock.runFor(50);
    return tab.locator(`[data-notification='${seq}']`).count();
  }).toBe(1);
}

async function hide(tab: Page, hidden: boolean): Promise<void> {
  await tab.evaluate(`Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));`);
}
