import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { row, toast, urgent } from "./pieces.ts";
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

it("U-03: a hundred toasts while two thousand characters are typed move neither the focus, nor a letter, nor the page", async () => {
  const lines = "<p>line</p>".repeat(200);
  const site = await startSite(`${lines}<textarea id="note"></textarea>${lines}`);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await tab.focus("#note");
  await tab.evaluate("new Promise((painted) => requestAnimationFrame(() => requestAnimationFrame(painted)))");
  const before = await tab.evaluate<number>("scrollY");
  expect(before).toBeGreaterThan(1000);
  await tab.evaluate(`window.moved = [];
    for (const move of ["focusin", "focusout", "blur", "scroll"])
      window.addEventListener(move, ({ target }) => target.id === "note" && move === "scroll" || moved.push(move), true)`);
  const text = "The quick brown fox jumps over the lazy dog, twice. ".repeat(39).slice(0, 2000);
  const type = await typist(tab);
  for (let seq = 6; seq < 106; seq += 1) {
    site.send("toast", toast(seq), seq);
    await type(text.slice((seq - 6) * 20, (seq - 5) * 20));
  }
  await tab.locator("[data-notification='105']").waitFor();
  expect(await tab.inputValue("#note")).toBe(text);
  expect(await tab.evaluate("moved")).toEqual([]);
  expect(await tab.evaluate("[document.activeElement.id, scrollY]")).toEqual(["note", before]);
}, 60_000);

it("U-05: of fifty in two seconds three are seen, the rest is one line to the inbox, and four are read out in ten", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await tab.evaluate(COUNT_SPOKEN);
  await freeze(tab);
  for (let seq = 6; seq < 56; seq += 1) {
    site.send("toast", toast(seq), seq);
    if (seq > 8 && seq % 10 !== 5) continue;
    await arrived(tab, seq);
    expect((await shown(tab)).length).toBeLessThanOrEqual(3);
    await tab.clock.runFor(200);
  }
  expect(await shown(tab)).toEqual(["55", "54", "53"]);
  const more = tab.locator("#toasts [data-more]");
  expect((await more.locator("a").textContent())?.trim()).toBe("47 more – open notifications");
  expect(await more.locator("a").isVisible()).toBe(true);
  expect(await more.locator("a").getAttribute("href")).toBe("/notifications");
  // By now the line has gone by itself, and a second burst brings another.
  await tab.clock.runFor(6700);
  await eventually(() => tab.locator("#toasts > .toast:not(.is-leaving)").count()).toBe(0);
  for (let seq = 56; seq < 62; seq += 1) site.send("toast", toast(seq), seq);
  await arrived(tab, 61);
  expect(await more.count()).toBe(1);
  expect(await tab.getAttribute("body", "data-spoken")).toBe("4");
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

it("U-04: what is urgent stays until it is dismissed, and so does everything where its reader wants that", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  site.send("toast", urgent(6), 6);
  site.send("toast", toast(7), 7);
  await arrived(tab, 7);
  await tab.clock.runFor(30_000);
  expect(await shown(tab)).toEqual(["6"]);
  await tab.keyboard.press("Escape");
  await tab.evaluate("document.body.setAttribute('data-keep-toasts', '')");
  site.send("toast", toast(8), 8);
  await arrived(tab, 8);
  await tab.clock.runFor(30_000);
  expect(await shown(tab)).toEqual(["8"]);
});

it("U-04: what is urgent is folded last, and where it had to be, the line that counts it stays", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  site.send("toast", urgent(6), 6);
  for (const seq of [7, 8, 9]) site.send("toast", toast(seq), seq);
  await arrived(tab, 9);
  await eventually(() => shown(tab)).toEqual(["9", "8", "6"]);
  await tab.clock.runFor(30_000);
  await eventually(() => shown(tab)).toEqual(["6"]);
  for (const seq of [10, 11, 12]) site.send("toast", urgent(seq), seq);
  await arrived(tab, 12);
  await tab.clock.runFor(30_000);
  expect(await shown(tab)).toEqual(["12", "11", "10"]);
  expect(await tab.locator("#toasts > [data-more]").count()).toBe(1);
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

it("U-06: no letter, digit or sign does anything by itself", async () => {
  const site = await startSite(`<ol class="inbox">${row(5, false)}</ol>`);
  const { tab, state, settle } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  site.send("toast", toast(6), 6);
  await arrived(tab, 6);
  const page =
    "[document.body.innerHTML.replaceAll(/aria-hidden=.true./g, ''), document.activeElement.localName, scrollY]";
  await tab.clock.runFor(1500);
  const before = await tab.evaluate(page);
  const asked = site.asked.length;
  for (let code = 0x21; code < 0x7f; code += 1) await tab.keyboard.press(String.fromCharCode(code));
  await settle();
  expect(await tab.evaluate(page)).toEqual(before);
  expect(site.asked.length).toBe(asked + 1);
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

/** Types as fast as the page takes it: a key after the other, and none waits for what the one before has done. */
async function typist(tab: Page): Promise<(text: string) => Promise<unknown>> {
  const session = await tab.context().newCDPSession(tab);
  const press = (key: string) => session.send("Input.dispatchKeyEvent", { type: "keyDown", key, text: key });
  return (text) => Promise.all([...text].map(press));
}

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
