import { expect, it, onTestFinished, test, vi } from "vitest";
import { render } from "../../src/views.ts";
import { toast } from "./pieces.ts";
import { eventually, freeze, startSite, visit, visitAs } from "./site.ts";

/** What the tests use of public/, which is plain JavaScript for the browser. */
const load = <T>(file: string): Promise<T> => import(new URL(`../../public/${file}`, import.meta.url).href);
const { timeLeft } = await load<{ timeLeft(ms: number, languages: string[]): string }>("time-left.js");

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];
// The pages are made at 10:00 of a day long ago by the browser's clock.
const UNTIL = new Date("2026-03-01T10:20:30.000Z");
const WARN_AT = new Date("2026-03-01T10:05:30.000Z");
const countdown = (warnAt: Date | null = WARN_AT, until = UNTIL) =>
  render("marketplace/countdown", "en-GB", { listing: { reservedUntil: until, warnAt } });

test.each([
  [30 * DAY, "30 days left"],
  [13 * DAY - 1, "13 days left"],
  [13 * DAY - 1001, "12 days left"],
  [3 * DAY, "3 days left"],
  [3 * DAY - 1001, "2 days 23 hrs left"],
  [DAY, "1 day left"],
  [DAY - 1001, "23 hrs 59 mins left"],
  [2 * HOUR + 14 * MINUTE, "2 hrs 14 mins left"],
  [HOUR, "1 hr left"],
  [HOUR - 1001, "59 mins left"],
  [10 * MINUTE, "10 mins left"],
  [10 * MINUTE - 1001, "09:59 left"],
  [61_000, "01:01 left"],
  [1, "00:01 left"],
  [0, "Time is up"],
  [-DAY, "Time is up"],
])("of %i ms it says: %s", (ms, words) => {
  expect(timeLeft(ms, ["en-GB"]).replaceAll("\u00a0", " ")).toBe(words);
});

test("numbers and units are the reader's own", () => {
  const said = (ms: number, language: string) => timeLeft(ms, [language]).replaceAll("\u00a0", " ");
  expect(said(12 * DAY, "de-DE")).toBe("12 Tage left");
  expect(said(2 * HOUR + 14 * MINUTE, "de-DE")).toBe("2 Std. 14 Min. left");
  expect(said(2 * HOUR + 14 * MINUTE, "ja-JP")).toBe("2 時間 14 分 left");
  expect(timeLeft(9 * MINUTE, ["ar-EG"])).toContain("٠٩:٠٠");
});

test("where the page does not say when it was made, the browser's clock is all there is", async () => {
  vi.stubGlobal("document", { body: { dataset: {} } });
  onTestFinished(() => void vi.unstubAllGlobals());
  // Another name, so that it is made anew, and all that others have loaded stays.
  const clock = await load<{ serverNow(): number; hearServer(at: string): void }>("clock.js?alone");
  clock.hearServer("2100-01-01T00:00:00.000Z");
  expect(Math.abs(clock.serverNow() - Date.now())).toBeLessThan(1000);
});

it("the end is counted down by the server's clock, and turns to a warning in words when it is near", async () => {
  const site = await startSite(countdown());
  const { tab, state, errors } = await visit(site);
  await eventually(state).toBe("live");
  const [left, piece] = [tab.locator(".countdown-left"), tab.locator(".countdown")];
  await eventually(() => left.innerText()).toMatch(/^20\smins? left$/);
  expect(await piece.getAttribute("data-state")).toBe("far");
  expect(await tab.locator(".countdown-soon").isVisible()).toBe(false);
  expect(await tab.locator(".countdown-end").textContent()).toMatch(/^until .*2026/);
  await freeze(tab);
  await tab.clock.runFor(6 * MINUTE);
  expect(await piece.getAttribute("data-state")).toBe("soon");
  expect(await tab.locator(".countdown-soon").innerText()).toBe("Ends soon");
  await tab.clock.runFor(6 * MINUTE);
  const [minutes = 0, seconds = 0] = (await left.innerText()).split(/\D+/).map(Number);
  expect(minutes).toBe(8);
  await tab.clock.runFor(1000);
  expect(await left.innerText()).toBe(`08:${String(seconds - 1).padStart(2, "0")} left`);
  await tab.clock.runFor(9 * MINUTE);
  expect([await left.innerText(), await piece.getAttribute("data-state")]).toEqual(["Time is up", "over"]);
  expect(errors).toEqual([]);
});

it("what a page has slept through is mended by the next heartbeat, and an older one changes nothing", async () => {
  const site = await startSite(`${countdown()}<div id="more"></div>`);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  const left = tab.locator(".countdown-left");
  const beat = (at: string) => site.send("heartbeat", JSON.stringify({ last: 5, at: `2026-03-01T${at}.000Z` }));
  site.send("toast", toast(6, "Sol Metals reserved a lot", new Date("2026-03-01T09:57:30Z")), 6);
  const told = tab.locator("#toasts time");
  await eventually(() => told.textContent()).toBe("2 minutes ago");
  beat("10:16:00");
  await eventually(() => left.innerText()).toMatch(/^04:(30|2\d) left$/);
  expect(await told.textContent()).toBe("18 minutes ago");
  beat("10:01:00");
  beat("10:15:00");
  site.send("market", '<div id="more" hx-swap-oob="true"><p>Both have come.</p></div>');
  await tab.locator("#more p").waitFor();
  expect(await left.innerText()).toMatch(/^04:/);
});

it("a countdown that the stream brings counts too, and one without a warning time does not warn", async () => {
  const site = await startSite('<div id="actions" data-version="1"></div>');
  const { tab, state } = await visitAs(site, { locale: "en-GB" });
  await eventually(state).toBe("live");
  const soon = countdown(null, new Date("2026-03-01T10:08:59Z"));
  site.send("market", `<div id="actions" data-version="2" hx-swap-oob="true">${soon}</div>`);
  await tab.locator(".countdown[data-state=far]").waitFor();
  expect(await tab.locator(".countdown-left").innerText()).toMatch(/^08:\d\d left$/);
});
