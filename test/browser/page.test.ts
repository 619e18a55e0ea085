import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { toast } from "./pieces.ts";
import { eventually, startSite, visit, visitAs } from "./site.ts";

const FORM = `<div id="actions" data-version="1"><details><summary>Enquire…</summary>
  <form method="post" action="/listings/1/enquiries" hx-post="/listings/1/enquiries" hx-target="#answer">
  <textarea id="field-message" name="message"></textarea><button>Send</button></form></details></div><div id="answer"></div>`;

it("what is typed, open and focused stays when a push replaces the piece around it", async () => {
  const site = await startSite(FORM);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
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
  await eventually(() => site.askedFor("/listings/1/enquiries").length).toBe(2);
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
  await eventually(state).toBe("live");
  expect(await tab.textContent("main time")).toBe("02.03.2026, 07:30");
  expect(await tab.textContent("#day")).toBe("1 March");
  // By the server's clock, which is far from the browser's: the page was made at ten.
  const recently = new Date(Date.parse("2026-03-01T10:00:00.000Z") - 125_000);
  site.send("toast", toast(6, "Sol Metals reserved a lot", recently), 6);
  const time = tab.locator("#toasts time");
  await eventually(() => time.textContent()).toBe("vor 2 Minuten");
  expect(await time.getAttribute("title")).toMatch(/GMT\+9/);
});

async function send(tab: Page, message: string): Promise<void> {
  if (!(await tab.isVisible("#field-message"))) await tab.click("summary");
  await tab.fill("#field-message", message);
  await tab.click("text=Send");
}
