import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import type { Note } from "../../src/notifications/standing.ts";
import { render } from "../../src/views.ts";
import { badge, card, offer, piece, row } from "./pieces.ts";
import { eventually, freeze, startSite, visit } from "./site.ts";

const INBOX = `<ol class="inbox" id="inbox"></ol>`;

it("a toast and a row say in place that what they offered is gone, and not again when it is there again", async () => {
  const site = await startSite(INBOX);
  const { tab, errors, state } = await visit(site);
  await eventually(state).toBe("live");
  site.send("toast", news(6), 6);
  await tab.locator("#toasts [data-notification='6']").waitFor();
  expect(await notes(tab, 6)).toEqual(["", ""]);
  site.send("market", piece(1, 3, { open: "gone", yours: "gone" }));
  await eventually(() => notes(tab, 6)).toEqual(["No longer available", "No longer available"]);
  expect(await decoration(tab, 6)).toBe("line-through");
  site.send("market", piece(2, 9, { open: "taken" }));
  site.send("market", piece(1, 4, { yours: "lapsed" }));
  await eventually(() => notes(tab, 6)).toEqual(["", ""]);
  expect(await decoration(tab, 6)).toBe("none");
  expect(await tab.locator("i[data-about]").count()).toBe(0);
  expect(errors).toEqual([]);
});

it("what is kept for the reader has words of its own, and what offers nothing has none", async () => {
  const site = await startSite(`<ol class="inbox" id="inbox">${row(3, false)}${offer("row", 4, "yours", 1)}</ol>`);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  site.send("market", piece(1, 2, { open: "taken", yours: "lapsed" }));
  await eventually(() => notes(tab, 4)).toEqual(["No longer reserved for you"]);
  expect(await notes(tab, 3)).toEqual([]);
});

it("an older state neither replaces a newer one nor touches what was told after it", async () => {
  const site = await startSite(INBOX);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  site.send("market", piece(1, 3, { open: "taken" }));
  // Reserved at 3, released with 4: that it is available again is told before the card comes.
  site.send("toast", news(6, 4), 6);
  await tab.locator("#toasts [data-notification='6']").waitFor();
  expect(await notes(tab, 6)).toEqual(["", ""]);
  site.send("market", piece(1, 5, { open: "gone" }));
  await eventually(() => notes(tab, 6)).toEqual(["No longer available", "No longer available"]);
  site.send("market", piece(1, 4, {}) + piece(2, 1, { open: "taken" }));
  site.send("toast", news(7, 1, 2), 7);
  await eventually(() => notes(tab, 7)).toEqual(["Reserved meanwhile", "Reserved meanwhile"]);
  expect(await notes(tab, 6)).toEqual(["No longer available", "No longer available"]);
});

it("a late toast and what a poll brings are right from their first moment", async () => {
  const site = await startSite(INBOX);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await tab.evaluate(`window.born = [];
    new MutationObserver((changes) => changes.flatMap(({ addedNodes }) => [...addedNodes])
      .forEach((node) => node.matches?.(".toast") && born.push(node.querySelector(".standing").outerHTML)))
      .observe(document.querySelector("#toasts"), { childList: true });`);
  site.send("market", piece(1, 3, { open: "gone" }));
  site.send("toast", news(6, 2), 6);
  await tab.locator("#toasts [data-notification='6']").waitFor();
  site.send("toast", `${news(7, 1, 2)}${piece(2, 2, { open: "taken" })}`, 7);
  await tab.locator("#toasts [data-notification='7']").waitFor();
  const [first, second] = await tab.evaluate<[string, string]>("born");
  expect(first).toContain("No longer available");
  expect(second).toContain("Reserved meanwhile");
  // It is news to whoever listens, so it is read out with the toast.
  expect(first + second).not.toContain("aria-live");
});

it("a correction is not read out again, leaves the toast its time and the focus where it is", async () => {
  const site = await startSite();
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  site.send("toast", offer("toast", 6, "open", 1), 6);
  await tab.locator("#toasts [data-notification='6']").waitFor();
  await tab.clock.runFor(4000);
  site.send("market", piece(1, 2, { open: "gone" }));
  await eventually(() => notes(tab, 6)).toEqual(["No longer available"]);
  expect(await tab.getAttribute("[data-notification='6'] .standing", "aria-live")).toBe("off");
  await tab.clock.runFor(2500);
  await eventually(() => tab.locator("#toasts > *").count()).toBe(0);

  site.send("toast", offer("toast", 7, "open", 1, 3), 7);
  await tab.locator("#toasts [data-notification='7']").waitFor();
  await tab.keyboard.press("F8");
  site.send("market", piece(3, 2, { open: "taken" }));
  await eventually(async () => {
    await tab.clock.runFor(50);
    return notes(tab, 7);
  }).toEqual(["Reserved meanwhile"]);
  expect(await tab.evaluate("document.activeElement.closest('.toast').dataset.notification")).toBe("7");
});

it("whoever is told the state alone keeps the rest of a card as the page has it, the last state of several", async () => {
  const site = await startSite(card(1, "available", 1));
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  const stateOnly = (status: string, version: number) =>
    `<article id="card-1" data-listing="1" data-status="${status}" data-version="${version}" data-state-only hx-swap-oob="true">${render("shared/status", "en-GB", { status })}</article>`;
  site.send("market", card(1, "reserved", 2, true) + stateOnly("withdrawn", 3));
  await tab.locator("#card-1[data-status='withdrawn'][data-version='3']").waitFor();
  expect(await tab.locator("#card-1 .card-link").textContent()).toBe("Copper");
  expect(await tab.locator("#card-1 .pill").allTextContents()).toEqual(["Withdrawn"]);
  site.send("market", stateOnly("sold", 2));
  site.send("market", card(1, "available", 4, true));
  await tab.locator("#card-1[data-status='available'][data-version='4']").waitFor();
  expect(await tab.locator("#card-1 .pill").allTextContents()).toEqual(["Available"]);
});

/** A toast with its row, as the stream brings them. */
function news(seq: number, version = 1, listingId = 1): string {
  const row = offer("row", seq, "open", version, listingId);
  return `${offer("toast", seq, "open", version, listingId)}${badge(1, seq)}<ol hx-swap-oob="afterbegin:#inbox">${row}</ol>`;
}

/** What the page says beside a notification: in its toast, if it has one, and in its row. */
function notes(tab: Page, seq: number): Promise<(Note | string)[]> {
  return tab.evaluate(
    `[...document.querySelectorAll("[data-notification='${seq}'] .standing")].map((slot) => slot.textContent).toReversed()`,
  );
}

function decoration(tab: Page, seq: number): Promise<string> {
  return tab.evaluate(
    `getComputedStyle(document.querySelector(".toast[data-notification='${seq}'] .toast-text")).textDecorationLine`,
  );
}
