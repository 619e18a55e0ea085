import { expect, it } from "vitest";
import { render } from "../../src/views.ts";
import { badge, card, edit, row, toast } from "./pieces.ts";
import { eventually, freeze, passing, startSite, visit } from "./site.ts";

it("a push brings toast, badge, title and card, and the page asks for nothing", async () => {
  const site = await startSite(card(1, "available"));
  const { tab, state, errors } = await visit(site);
  await eventually(state).toBe("live");
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
  await eventually(state).toBe("live");
  site.send("toast", `${toast(6, typed)}<div id="place" hx-swap-oob="true">${raw}</div>`, 6);
  await tab.locator("#toasts [data-notification='6']").waitFor();
  expect((await tab.textContent("#toasts .toast-text"))?.replaceAll("\r", "")).toBe(typed);
  await tab.clock.runFor(1000);
  await settle();
  expect(site.askedFor("/evil")).toEqual([]);
  expect(await state()).toBe("live");
});

const added = (rows: string) => `<ol hx-swap-oob="afterbegin:#inbox">${rows}</ol>`;

it("a row is never taken back to an older state, nor brought back from before the list was made", async () => {
  const site = await startSite(`<ol class='inbox' id='inbox' data-revision='5'>${row(3, true, { revision: 5 })}</ol>`);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  const rows = () =>
    tab.evaluate<string[]>(
      "[...document.querySelectorAll('#inbox > li')].map((li) => [li.dataset.notification, li.dataset.read].join(' '))",
    );
  site.send("inbox", added(row(3, false, { revision: 4 }) + row(2, false, { revision: 5 })));
  site.send("inbox", added(row(4, false, { revision: 6, folds: "1:watching" })), 4);
  await eventually(rows).toEqual(["4 false", "3 true"]);
  site.send("inbox", added(row(6, false, { revision: 8, folds: "1:watching" })), 6);
  await eventually(rows).toEqual(["6 false", "3 true"]);
  site.send("inbox", added(row(5, false, { revision: 9, folds: "1:watching" }) + row(7, false, { revision: 9 })), 7);
  await eventually(rows).toEqual(["7 false", "6 false", "3 true"]);
});

it("of the edits of one listing one toast is left, which says what the last one said, however late each is shown", async () => {
  const site = await startSite("");
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  site.send("inbox", edit(9, "1:watching", true), 9);
  site.send("toast", edit(10, "2:watching"), 10);
  await tab.locator("#toasts [data-notification='10']").waitFor();
  site.send("toast", edit(5, "1:watching") + edit(7, "1:watching"), 11);
  const toasts = () =>
    tab.evaluate<string[]>(
      "[...document.querySelectorAll('#toasts > .toast')].map((toast) => toast.dataset.notification)",
    );
  await eventually(toasts).toEqual(["9", "10"]);
});

it("what has been taken back goes from the list and off the screen, and is not shown when it comes late", async () => {
  const site = await startSite(`<ol class="inbox" id="inbox">${row(3, false)}${row(4, false)}</ol>`);
  const { tab, state, errors } = await visit(site);
  await eventually(state).toBe("live");
  for (const seq of [6, 7]) site.send("toast", toast(seq), seq);
  await tab.locator("#toasts [data-notification='7']").waitFor();
  const gone = (seqs: number[]) =>
    render("stream/marks", "en-GB", { rows: [], gone: seqs, count: badge(1, 9), revision: 9 });
  site.send("inbox", gone([3, 6, 8]));
  await tab.locator("#toasts [data-notification='6']").waitFor({ state: "detached" });
  site.send("toast", toast(8), 8);
  site.send("toast", toast(9), 9);
  await tab.locator("#toasts [data-notification='9']").waitFor();
  expect(await tab.locator("#toasts > .toast").count()).toBe(2);
  expect(await tab.locator("[data-notification='8'], #notification-3, [data-gone]").count()).toBe(0);
  expect(await tab.locator("#notification-4").count()).toBe(1);
  expect(errors).toEqual([]);
});

it("each number is shown once, however it comes again", async () => {
  const site = await startSite("<ol class='inbox' id='inbox'></ol>");
  const { tab, state, errors } = await visit(site);
  await eventually(state).toBe("live");
  for (const read of [false, true])
    site.send("toast", `${toast(6)}<ol hx-swap-oob="afterbegin:#inbox">${row(6, read)}</ol>`, 6);
  site.send("toast", toast(7), 7);
  await tab.locator("[data-notification='7']").waitFor();
  expect(await tab.locator("#toasts [data-notification='6']").count()).toBe(1);
  expect(await tab.locator("#inbox > li").count()).toBe(1);
  expect(await tab.getAttribute("#inbox > li", "data-read")).toBe("true");
  expect(errors).toEqual([]);
});

it("of a burst the first shows at once and the rest together soon after, each as it stands last", async () => {
  const site = await startSite(card(1, "available"));
  const { tab, state, errors } = await visit(site);
  await eventually(state).toBe("live");
  await freeze(tab);
  await tab.evaluate("document.addEventListener('htmx:oobAfterSwap', () => (window.swaps = (window.swaps ?? 0) + 1))");
  for (let n = 1; n <= 20; n += 1) site.send("inbox", badge(n, n));
  for (let n = 2; n <= 20; n += 1) site.send("market", card(1, n % 2 ? "available" : "reserved", n, true));
  site.send("toast", toast(6), 6);
  await tab.locator("[data-notification='6']").waitFor();
  expect(await tab.getAttribute("#badge", "data-count")).toBe("1");
  expect(await tab.getAttribute("[data-listing='1']", "data-version")).toBe("2");
  await tab.clock.runFor(100);
  expect(await tab.getAttribute("#badge", "data-count")).toBe("20");
  expect(await tab.getAttribute("[data-listing='1']", "data-version")).toBe("20");
  expect(await tab.evaluate("window.swaps")).toBeLessThan(10);
  expect(errors).toEqual([]);
});

it("what is older than the page shows, or has no place in it, is left out", async () => {
  const site = await startSite(card(1, "sold", 3));
  const { tab, state, errors } = await visit(site);
  await eventually(state).toBe("live");
  site.send("inbox", badge(2, 8));
  site.send("inbox", badge(9, 7));
  site.send("market", card(1, "reserved", 2, true) + card(2, "reserved", 2, true));
  site.send("toast", toast(6), 6);
  await tab.locator("[data-notification='6']").waitFor();
  expect(await tab.getAttribute("#badge", "data-count")).toBe("2");
  expect(await tab.getAttribute("[data-listing='1']", "data-status")).toBe("sold");
  site.send("market", card(1, "available", 4, true));
  await eventually(() => tab.getAttribute("[data-listing='1']", "data-status")).toBe("available");
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
  expect(site.askedFor("/stream").at(-1)?.lastEventId).toBe("2");
  await eventually(state).toBe("live");
});

it("a card that comes again as it is does not look changed", async () => {
  const site = await startSite(card(1, "reserved", 2));
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  const mark = "document.querySelector(\"[data-listing='1']\").dataset.mark";
  await tab.evaluate(`${mark} = "the same"`);
  site.send("market", card(1, "reserved", 2, true));
  site.send("toast", toast(6), 6);
  await tab.locator("[data-notification='6']").waitFor();
  expect(await tab.evaluate(mark)).toBe("the same");
});

it("when more has changed than is told one by one, the page reads its listings again", async () => {
  const site = await startSite(card(1, "available", 1) + card(2, "available", 1));
  const { tab, state, settle } = await visit(site);
  await eventually(state).toBe("live");
  site.answers.page = () => card(1, "sold", 4) + card(2, "available", 1) + card(3, "available", 1);
  site.send("market", REREAD);
  await eventually(() => tab.getAttribute("[data-listing='1']", "data-status")).toBe("sold");
  expect(await tab.locator("[data-listing]").count()).toBe(2);
  await settle();
  expect(site.askedFor("/page")).toHaveLength(2);
});

const REREAD = '<span id="reread" hidden hx-swap-oob="true"></span>';

it("what the stream brings while the page is read again is newer than what was read, and stays", async () => {
  const site = await startSite(`${card(1, "available", 1)}<ol class="inbox" id="inbox"></ol>`);
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  const held = Promise.withResolvers<void>();
  let pages = 0;
  site.answers.page = () => card(1, "reserved", 2);
  await tab.route("**/page", async (route) => {
    const answer = await route.fetch();
    pages += 1;
    if (pages === 1) await held.promise;
    await route.fulfill({ response: answer });
  });
  site.send("market", REREAD);
  await eventually(() => pages).toBe(1);
  site.answers.page = () => card(1, "sold", 3);
  site.send("market", card(1, "sold", 3, true));
  await eventually(() => tab.getAttribute("[data-listing='1']", "data-status")).toBe("sold");
  held.resolve();
  await eventually(() => pages).toBe(2);
  expect(await tab.getAttribute("[data-listing='1']", "data-status")).toBe("sold");
  await tab.unroute("**/page");
});

it("a page that is told to read itself again while it does so reads once more, and one that could not does so later", async () => {
  const site = await startSite(card(1, "available", 1));
  const { tab, state } = await visit(site);
  await eventually(state).toBe("live");
  const held = Promise.withResolvers<void>();
  const answers: number[] = [];
  await tab.route("**/page", async (route) => {
    const body = await (await route.fetch()).text();
    answers.push(answers.length === 1 ? 503 : 200);
    if (answers.length === 1) await held.promise;
    await route.fulfill({ status: answers.length === 2 ? 503 : 200, contentType: "text/html", body });
  });
  site.answers.page = () => card(1, "reserved", 2);
  site.send("market", REREAD);
  await eventually(() => answers.length).toBe(1);
  site.answers.page = () => card(1, "sold", 3);
  site.send("market", REREAD);
  await tab.evaluate("fetch('/ping')");
  held.resolve();
  await eventually(() => tab.getAttribute("[data-listing='1']", "data-status")).toBe("sold");
  expect(answers).toEqual([200, 503, 200]);
  await tab.unroute("**/page");
});
