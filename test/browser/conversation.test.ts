import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { render } from "../../src/views.ts";
import { eventually, startSite, visit } from "./site.ts";

const AT = new Date("2026-03-01T10:00:00Z");
const [BEA, SOL] = [1, 2];
const viewer = { id: BEA, role: "buyer" };
const thread = {
  ...{ id: 7, listingId: 3, title: "Copper", status: "available", lastMessageAt: AT, waitingSince: null },
  ...{ buyerId: BEA, buyerName: "Bea", buyerCompany: "Brandt", sellerId: SOL, sellerName: "Sol" },
  ...{ sellerCompany: "Serrano", buyerSeenId: 0, sellerSeenId: 0, excerpt: "…", lastAuthorId: SOL },
};

it("messages stand in the order of their ids, each once, however late or often they come", async () => {
  const site = await startSite(conversation([1, 2]));
  site.app.post("/enquiries/7/seen", (_req, res) => res.sendStatus(204));
  const { tab, state, errors } = await visit(site);
  await eventually(state).toBe("live");
  site.send("inbox", pushed([5]) + pushed([5]));
  site.send("inbox", pushed([3, 4]));
  site.send("inbox", pushed([4, 5, 6]));
  await tab.locator("#message-6").waitFor();
  site.send("inbox", pushed([2], 2));
  await tab.locator("#seen-7:not([hidden])").waitFor();
  site.send("inbox", pushed([6], 1));
  site.send("inbox", pushed([8]));
  await tab.locator("#message-8").waitFor();
  const order = await tab.locator("#thread-7 > li").evaluateAll((items) => items.map(({ id }) => id));
  expect(order).toEqual(
    ["1", "2", "seen", "3", "4", "5", "6", "8"].map((n) => (n === "seen" ? "seen-7" : `message-${n}`)),
  );
  expect(errors).toEqual([]);
});

it("what comes in moves nobody who reads further up, and keeps the box of whoever is at the end where it is", async () => {
  const site = await startSite(conversation(Array.from({ length: 40 }, (_, n) => n + 1)));
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  const topOf = (selector: string) =>
    tab.locator(selector).evaluate((element) => Math.round(element.getBoundingClientRect().top));
  // Not every browser keeps a place by itself.
  await tab.evaluate("for (const one of [document.documentElement, document.body]) one.style.overflowAnchor = 'none'");
  const box = await topOf("textarea");
  expect(box).toBeLessThan(720);
  site.send("inbox", pushed([41, 42]));
  await tab.locator("#message-42").waitFor();
  expect(await topOf("textarea")).toBe(box);
  await tab.evaluate("scrollTo(0, 900)");
  const reading = await tab.evaluate<string>(
    "[...document.querySelectorAll('.message')].find((one) => one.getBoundingClientRect().bottom > 0).id",
  );
  const before = await topOf(`#${reading}`);
  site.send("inbox", pushed([43]));
  await tab.locator("#message-43").waitFor({ state: "attached" });
  expect(await topOf(`#${reading}`)).toBe(before);
  // Read again, the list is another, and the first that was seen is where it was.
  site.answers.page = () => conversation(Array.from({ length: 42 }, (_, n) => n + 5));
  await tab.fill("textarea", "Half a sentence");
  await tab.evaluate("scrollTo(0, 900)");
  site.send("market", '<span id="reread" hidden hx-swap-oob="true"></span>');
  await tab.locator("#message-46").waitFor({ state: "attached" });
  expect(await topOf(`#${reading}`)).toBe(before);
  expect(await typed(tab)).toBe("Half a sentence");
});

it("what came while the page was being read again is not lost with it", async () => {
  const site = await startSite(conversation([1, 2]));
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  site.send("inbox", pushed([3, 4], 1));
  await tab.locator("#message-4").waitFor();
  site.answers.page = () => conversation([2, 3]);
  site.send("market", '<span id="reread" hidden hx-swap-oob="true"></span>');
  await eventually(() => tab.locator("#message-1").count()).toBe(0);
  const order = await tab.locator("#thread-7 > li").evaluateAll((items) => items.map(({ id }) => id));
  expect(order).toEqual(["seen-7", "message-2", "message-3", "message-4"]);
});

it("what the other wrote counts as seen while the page is looked at, and is told once", async () => {
  const site = await startSite(conversation([1, 2]));
  const told: string[] = [];
  let status = 503;
  site.app.post("/enquiries/7/seen", (req, res) => {
    req.on("data", (body) => told.push(String(body)));
    req.on("end", () => res.sendStatus(status));
  });
  const { tab, state, settle } = await visit(site);
  await eventually(state).toBe("live");
  await eventually(() => told.at(-1)).toBe("upTo=2");
  await settle();
  status = 204;
  await look(tab, true);
  await settle();
  const until2 = told.length;
  await look(tab, true);
  site.send("inbox", pushed([3], 0, BEA));
  await tab.locator("#message-3").waitFor();
  await look(tab, false);
  site.send("inbox", pushed([4]));
  await tab.locator("#message-4").waitFor({ state: "attached" });
  await settle();
  expect(told.slice(until2)).toEqual([]);
  await look(tab, true);
  await eventually(() => told.slice(until2)).toEqual(["upTo=4"]);
});

it("a thread goes to its place in the list: who has waited longest first, then those last written in", async () => {
  const rows = [row(1, 100), row(2, 200), row(3, 0, 900), row(4, 0, 800)];
  const site = await startSite(`<ul class="rows" id="threads" data-most="5">${rows.join("")}</ul>`);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  const order = () => tab.locator("#threads > li").evaluateAll((items) => items.map(({ id }) => Number(id.slice(11))));
  await tab.focus("#thread-row-4 a");
  send(row(1, 0, 950, 2));
  await eventually(order).toEqual([2, 1, 3, 4]);
  send(row(5, 300));
  await eventually(order).toEqual([2, 5, 1, 3, 4]);
  send(row(4, 150, 960, 2));
  await eventually(order).toEqual([4, 2, 5, 1, 3]);
  expect(await tab.evaluate("document.activeElement.closest('li')?.id")).toBe("thread-row-4");
  send(row(4, 0, 1, 1) + row(6, 250));
  await eventually(order).toEqual([4, 2, 6, 5, 1]);

  function send(html: string): void {
    site.send("inbox", `<ul hx-swap-oob="beforeend:#threads">${html}</ul>`);
  }
});

function conversation(ids: number[]): string {
  const messages = ids.map((id) => message(id)).join("");
  const seen = render("marketplace/seen", "en-GB", { threadId: 7, seen: null, oob: false });
  const list = `<ol class="thread" id="thread-7" data-seen="/enquiries/7/seen" data-up-to="0">${messages}${seen}</ol>`;
  return list + render("marketplace/message-form", "en-GB", { thread, oob: false, after: ids.at(-1) });
}

function message(id: number, authorId = SOL): string {
  const said = { id, authorId, authorName: "Sol", authorCompany: "Serrano", body: `Line ${id}`, sentAt: AT };
  return render("marketplace/message", "en-GB", { message: said, viewer });
}

/** What the stream brings of new messages. @param seen up to which of Bea's the other has seen them */
function pushed(ids: number[], seen = 0, authorId = SOL): string {
  const line = { threadId: 7, seen: seen > 0 ? { id: seen, at: AT } : null, oob: true };
  const messages = ids.map((id) => message(id, authorId)).join("");
  return `<ol hx-swap-oob="beforeend:#thread-7">${messages}</ol>${render("marketplace/seen", "en-GB", line)}`;
}

function row(id: number, waiting: number, last = waiting, lastMessageId = 1): string {
  const waitingSince = waiting > 0 ? new Date(waiting) : null;
  return render("marketplace/thread-row", "en-GB", {
    ...{ viewer: { id: SOL, role: "seller" } },
    ...{ thread: { ...thread, id, waitingSince, lastMessageAt: new Date(last), lastMessageId } },
  });
}

function typed(tab: Page): Promise<string> {
  return tab.inputValue("textarea");
}

/** The tab comes to the front, or goes behind another. */
function look(tab: Page, visible: boolean): Promise<unknown> {
  return tab.evaluate(`
    Object.defineProperty(document, "hidden", { configurable: true, value: ${!visible} });
    document.dispatchEvent(new Event("visibilitychange"));`);
}
