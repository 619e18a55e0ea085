import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { toast } from "./pieces.ts";
import { startSite, visit, visitAs } from "./site.ts";

const FORM = `<div id="actions" data-version="1"><details><summary>Enquire…</summary>
  <form method="post" action="/listings/1/enquiries" hx-post="/listings/1/enquiries" hx-target="#answer">
  <textarea id="field-message" name="message"></textarea><button>Send</button></form></details></div><div id="answer"></div>`;

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
  await expect.poll(state).toBe("live");
  await tab.focus("#note");
  await tab.evaluate("document.querySelector('#note').addEventListener('blur', () => (document.title = 'lost'))");
  const text = "the quick brown fox jumps over the lazy dog ".repeat(3).slice(0, 100);
  for (const [index, letter] of [...text].entries()) {
    site.send("toast", toast(6 + index), 6 + index);
    await tab.keyboard.type(letter);
  }
  await tab.locator("[data-notification='105']").waitFor();
  expect(await tab.inputValue("#note")).toBe(text);
  expect(await tab.evaluate("[document.activeElement.id, scrollY]")).toEqual(["note", 0]);
  expect(await tab.title()).not.toContain("lost");
});

it("U-05: of a burst three toasts are seen, the rest is one line to the inbox, and four are read out", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await expect.poll(state).toBe("live");
  await tab.evaluate(COUNT_SPOKEN);
  for (let seq = 6; seq < 56; seq++) site.send("toast", toast(seq), seq);
  await tab.locator("[data-notification='55']").waitFor();
  await expect.poll(() => shown(tab)).toEqual(["55", "54", "53"]);
  const more = tab.locator("#toasts [data-more]");
  expect((await more.textContent())?.trim()).toBe("47 more – open notifications");
  expect(await more.locator("a").getAttribute("href")).toBe("/notifications");
  expect(Number(await tab.getAttribute("body", "data-spoken"))).toBeLessThanOrEqual(4);
});

it("U-04: a toast stays six seconds, a long one a second for every three words", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await expect.poll(state).toBe("live");
  site.send("toast", toast(6), 6);
  site.send("toast", toast(7, "word ".repeat(30)), 7);
  await tab.locator("[data-notification='7']").waitFor();
  await tab.clock.runFor(5000);
  expect(await shown(tab)).toEqual(["7", "6"]);
  await tab.clock.runFor(1500);
  await expect.poll(() => shown(tab)).toEqual(["7"]);
  await tab.clock.runFor(5000);
  await expect.poll(() => shown(tab)).toEqual([]);
});

it("U-04: the pointer or the focus on the stack holds the time, and a hidden page too", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await expect.poll(state).toBe("live");
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
  await expect.poll(() => shown(tab)).toEqual([]);
});

it("U-06: F8 leads to the newest toast, Tab on to the older, Escape dismisses and leads back", async () => {
  const site = await startSite(`<textarea id="note"></textarea>`);
  const { tab, state } = await visit(site);
  await expect.poll(state).toBe("live");
  for (const seq of [6, 7, 8]) site.send("toast", toast(seq), seq);
  await tab.locator("[data-notification='8']").waitFor();
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
  await tab.click("[data-notification='6'] [data-dismiss]");
  await expect.poll(() => tab.locator("#toasts > *").count()).toBe(0);
  await tab.keyboard.type("Still here");
  expect(await tab.inputValue("#note")).toBe("Still here");
});

it("what is typed, open and focused stays when a push replaces the piece around it", async () => {
  const site = await startSite(FORM);
  const { tab, state } = await visit(site);
  await expect.poll(state).toBe("live");
  await tab.click("summary");
  await tab.fill("#field-message", "How much is");
  await tab.evaluate("document.querySelector('#field-message').setSelectionRange(11, 11)");
  const [actions = ""] = FORM.split('<div id="answer">');
  site.send("market", actions.replace('data-version="1"', 'data-version="2" hx-swap-oob="true"'));
  await tab.locator("#actions[data-version='2']").waitFor();
  await tab.keyboard.type(" left?");
  expect(await tab.inputValue("#field-message")).toBe("How much is left?");
  await tab.keyboard.press("Tab");
  expect(await tab.evaluate("document.activeElement.textContent")).toBe("Send");
  site.send("market", actions.replace('data-version="1"', 'data-version="3" hx-swap-oob="true"'));
  await tab.locator("#actions[data-version='3']").waitFor();
  expect(await tab.evaluate("document.activeElement.textContent")).toBe("Send");
});

it("a form pressed twice is sent once, and can be sent again when it has been answered", async () => {
  const site = await startSite(FORM);
  let answer = () => {};
  site.app.post("/listings/1/enquiries", (_req, res) => {
    answer = () => res.send("<p>Sent</p>");
  });
  const { tab, settle } = await visit(site);
  await tab.click("summary");
  await tab.fill("#field-message", "Hello");
  await tab.dblclick("text=Send");
  await settle();
  answer();
  await tab.locator("#answer p").waitFor();
  await settle();
  expect(site.askedFor("/listings/1/enquiries")).toHaveLength(1);
  await tab.click("text=Send");
  await expect.poll(() => site.askedFor("/listings/1/enquiries").length).toBe(2);
});

it.each([
  [500, "Something went wrong on our side", "connecting"],
  [429, "That was too often", "connecting"],
  [401, "You are signed out", "signed-out"],
])("an answer of %i is said in words, and what was typed stays", async (status, words, then) => {
  const site = await startSite(FORM);
  site.answers.stream = site.hang;
  site.app.post("/listings/1/enquiries", (_req, res) => res.sendStatus(status));
  const { tab, state } = await visit(site);
  await send(tab, "Hello");
  await tab.locator("#alerts", { hasText: words }).waitFor();
  expect(await tab.inputValue("#field-message")).toBe("Hello");
  expect(await state()).toBe(then);
});

it("the server's own words are said instead, until a request goes well", async () => {
  const site = await startSite(FORM);
  let status = 503;
  site.app.post("/listings/1/enquiries", (_req, res) => {
    if (status === 503) res.set({ "HX-Retarget": "#alerts", "HX-Reswap": "innerHTML" });
    res.status(status).send("<p>Wait a moment</p>");
  });
  const { tab } = await visit(site);
  await send(tab, "Hello");
  await tab.locator("#alerts p").waitFor();
  expect(await tab.locator("#alerts p").allTextContents()).toEqual(["Wait a moment"]);
  status = 200;
  await send(tab, "Hello again");
  await tab.locator("#answer p").waitFor();
  expect(await tab.locator("#alerts > *").count()).toBe(0);
});

it("times are written in the reader's own language and time zone, pushed ones too", async () => {
  const at = "2026-03-01T22:30:00.000Z";
  const site = await startSite(
    `<time datetime="${at}">1 Mar 2026, 22:30 UTC</time><time id="day" datetime="2026-03-01">1 March</time>`,
  );
  const { tab, state } = await visitAs(site, { locale: "de-DE", timezoneId: "Asia/Tokyo" });
  await expect.poll(state).toBe("live");
  expect(await tab.textContent("main time")).toBe("02.03.2026, 07:30");
  expect(await tab.textContent("#day")).toBe("1 March");
  const recently = new Date((await tab.evaluate<number>("Date.now()")) - 125_000);
  site.send("toast", toast(6, "Sol Metals reserved a lot", recently), 6);
  const time = tab.locator("#toasts time");
  await expect.poll(() => time.textContent()).toBe("vor 2 Minuten");
  expect(await time.getAttribute("title")).toMatch(/GMT\+9/);
});

async function send(tab: Page, message: string): Promise<void> {
  if (!(await tab.isVisible("#field-message"))) await tab.click("summary");
  await tab.fill("#field-message", message);
  await tab.click("text=Send");
}

/** The numbers of the toasts that are on the screen and stay there, newest first. */
async function shown(tab: Page): Promise<string[]> {
  return tab.evaluate(
    "[...document.querySelectorAll('#toasts > [data-notification]:not(.is-leaving)')].map((toast) => toast.dataset.notification)",
  );
}

async function hide(tab: Page, hidden: boolean): Promise<void> {
  await tab.evaluate(`Object.defineProperty(document, "hidden", { value: ${hidden}, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));`);
}
