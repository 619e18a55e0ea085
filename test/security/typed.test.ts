import type { Request } from "express";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { endSessionsOf } from "../../src/accounts/people.ts";
import { enquire, reply } from "../../src/marketplace/enquiries.ts";
import { findListings } from "../../src/marketplace/listings.ts";
import { updateListing } from "../../src/marketplace/publishing.ts";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { createPerson, postForm, publishedListing, signIn } from "../cast.ts";
import { atBrowser, live } from "../journey/people.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";
import { payloads, TOKEN } from "./payloads.ts";

type Lot = { payload: string; seller: Viewer; buyer: Viewer; listing: number; thread: number };

let world: World;
let server: TestServer;
let lots: Lot[];

// For each payload a seller and a buyer who are called so, a listing that says so everywhere, and a conversation.
beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
  lots = [];
  for (const payload of payloads) lots.push(await lotOf(payload));
  await world.drain();
});
afterAll(async () => {
  await server.close();
  await world.close();
});

async function lotOf(payload: string): Promise<Lot> {
  const { db, cast } = world;
  const seller = await createPerson(db, { role: "seller", name: payload, company: payload });
  const buyer = await createPerson(db, { role: "buyer", name: payload, company: payload });
  const words = { title: payload, description: payload, location: payload };
  const { id: listing } = await publishedListing(db, seller, words);
  await watchListing(db, cast.bea, listing);
  const thread = await enquire(db, buyer, listing, payload);
  await endSessionsOf({ db, req: {} as Request, admin: cast.ada }, { userId: seller.id, reason: payload });
  await reply(db, seller, await enquire(db, cast.bea, listing, payload), payload);
  return { payload, seller, buyer, listing, thread };
}

/** What a page has made of the payloads that is more than text, and what it has been made to do. */
async function watch(page: Page): Promise<{ asked: string[]; said: string[] }> {
  const seen = { asked: [] as string[], said: [] as string[] };
  // The address of a page may say what was searched for; a page that missed very much reads itself again.
  page.on("request", (request) => {
    const itself = request.isNavigationRequest() || request.url() === page.url();
    if (request.url().includes(TOKEN) && !itself) seen.asked.push(request.url());
  });
  page.on("dialog", (dialog) => dialog.dismiss());
  page.on("console", (message) => {
    if (/Content Security Policy|Content-Security-Policy/.test(message.text())) seen.said.push(message.text());
  });
  page.on("pageerror", (error) => seen.said.push(error.message));
  return seen;
}

// Words that are said, and the address of the next page of a search, where they are encoded.
const FINE = `name === "value" || name === "aria-label" || (name === "href" && /^\\/(listings|oversight\\/people)\\?[\\w%.*+&=-]+$/.test(value))`;
/** Attributes and elements that were made of what somebody typed, in a page or in markup that is given. */
const MADE = `(html) => {
  const root = html === undefined ? document : new DOMParser().parseFromString(html, "text/html");
  const all = [...root.querySelectorAll("*"), ...[...root.querySelectorAll("template")].flatMap(({ content }) => [...content.querySelectorAll("*")])];
  return all.flatMap((element) => [
    ...[...element.attributes]
      .filter(({ name, value }) => name.includes("${TOKEN}") || /^on/.test(name) || name === "style" || (value.includes("${TOKEN}") && !(${FINE})))
      .map(({ name }) => element.localName + "[" + name + "]"),
    ...(/^(script|style|iframe|object|embed|base|math|video|body)$/.test(element.localName) && element.matches("body *, script") && element.textContent.includes("${TOKEN}") ? [element.localName] : []),
  ]);
}`;

/** What of the elements that hold typed words lies where htmx would look at it. */
const OPEN = `[...document.querySelectorAll("body *")]
  .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.includes("${TOKEN}")))
  .filter((element) => element.childElementCount > 0 && !element.closest("[hx-disable]"))
  .map((element) => element.outerHTML.slice(0, 120))`;

test("the corpus has at least sixty payloads, each of which is known again", () => {
  expect(payloads.length).toBeGreaterThanOrEqual(60);
  for (const payload of payloads) expect(payload).toContain(TOKEN);
  expect(Math.max(...payloads.map((payload) => payload.length))).toBeLessThanOrEqual(100);
});

test("S-04: on no page does what a buyer, a seller or an admin reads of others act", async () => {
  const { cast } = world;
  const [first] = lots;
  if (!first) throw new Error("there is no lot");
  const visits: [Pick<Viewer, "email">, string[]][] = [
    [cast.bea, ["/", "/listings", "/listings?page=2", "/listings?page=3", "/listings?page=4", "/enquiries"]],
    [cast.bea, ["/notifications", "/notifications?by=listing", "/notifications?show=unread&before=30"]],
    [
      cast.ada,
      [
        "/oversight/people",
        "/oversight/people?q=zq9",
        "/oversight/people?before=100",
        `/oversight/people/${first.seller.id}`,
      ],
    ],
    [cast.ada, ["/oversight", "/oversight?before=150", "/listings", "/enquiries", "/enquiries?page=2"]],
    [
      first.seller,
      ["/", "/listings?mine=1", `/listings/${first.listing}`, `/listings/${first.listing}/edit`, "/account"],
    ],
  ];
  for (const [who, paths] of visits) {
    const { context, page } = await atBrowser(server.url, who);
    const seen = await watch(page);
    let words = 0;
    for (const path of paths) {
      await page.goto(path);
      await live(page);
      expect({ path, made: await page.evaluate(`(${MADE})()`) }).toEqual({ path, made: [] });
      expect({ path, open: await page.evaluate(OPEN) }).toEqual({ path, open: [] });
      words += (await page.innerText("body")).split(TOKEN).length - 1;
    }
    expect(words).toBeGreaterThan(5);
    expect([seen, await page.evaluate("window.zq9")]).toEqual([{ asked: [], said: [] }, undefined]);
    await context.close();
  }
});

test("S-04: each listing, conversation, person and search says it as text, in its title too", async () => {
  const { page } = await atBrowser(server.url, world.cast.ada);
  await page.goto("/account");
  const paths = lots.flatMap(({ payload, listing, thread, seller }) => [
    `/listings/${listing}`,
    `/enquiries/${thread}`,
    `/listings?${new URLSearchParams({ q: payload })}`,
    `/oversight/people/${seller.id}`,
    `/oversight/people?${new URLSearchParams({ q: payload })}`,
  ]);
  const shown = await page.evaluate<{ path: string; made: string[]; title: string }[]>(`Promise.all(
    ${JSON.stringify(paths)}.map(async (path) => {
      const html = await (await fetch(path)).text();
      return { path, made: (${MADE})(html), title: new DOMParser().parseFromString(html, "text/html").title };
    }))`);
  expect(shown.filter(({ made }) => made.length > 0)).toEqual([]);
  for (const [at, { payload }] of lots.entries()) {
    for (const titled of [at * 5, at * 5 + 3]) expect(plain(shown[titled]?.title ?? "")).toContain(plain(payload));
  }
  await page.context().close();
});

/** Words as a title shows them: on one line, without what cannot be seen. */
function plain(words: string): string {
  return words.replace(/[\s\p{Cc}]+/gu, " ").trim();
}

test("S-04: what is refused comes back into its form as text", async () => {
  const { page } = await atBrowser(server.url, world.cast.sol);
  await page.goto("/account");
  const [cookie, adas] = [await signIn(server.url, world.cast.sol), await signIn(server.url, world.cast.ada)];
  const answers = payloads.flatMap((payload) => {
    const stock = { title: payload, description: payload, location: payload, category: payload, unit: payload };
    const person = { name: payload, company: payload, email: payload, role: payload };
    return [
      postForm(`${server.url}/listings`, cookie, { ...stock, price: payload, quantity: payload }),
      postForm(`${server.url}/sign-up`, "", person),
      postForm(`${server.url}/oversight/people/1/role`, adas, { role: payload, reason: payload }),
    ];
  });
  const pages = await Promise.all(
    (await Promise.all(answers)).map(async (answer) => ({ status: answer.status, html: await answer.text() })),
  );
  expect(pages.filter(({ status }) => status !== 422)).toEqual([]);
  expect(await page.evaluate(`${JSON.stringify(pages.map(({ html }) => html))}.map(${MADE})`)).toEqual(
    pages.map(() => []),
  );
  await page.context().close();
});

test("S-04, S-06: pushed to an open page it neither acts nor asks, as a toast, a row, a card or a message", async () => {
  const { db, cast } = world;
  const { page } = await atBrowser(server.url, cast.bea);
  const seen = await watch(page);
  await page.goto("/");
  await live(page);
  for (const lot of lots.slice(0, 40)) await moves(lot);
  await world.drain();
  await page.waitForSelector(`#toasts .toast`);
  await page.goto("/notifications");
  await live(page);
  for (const lot of lots.slice(40)) await moves(lot);
  await world.drain();
  await page
    .locator(`.inbox-row[data-about="${lots.at(-1)?.listing}"]`)
    .first()
    .waitFor();
  expect(await page.evaluate(`(${MADE})()`)).toEqual([]);
  expect(await page.evaluate(OPEN)).toEqual([]);
  expect([seen, await page.evaluate("window.zq9")]).toEqual([{ asked: [], said: [] }, undefined]);
  await page.context().close();

  async function moves({ listing, seller, payload }: Lot): Promise<void> {
    const [now] = await findListings(db, [listing]);
    if (!now) throw new Error("the listing is gone");
    const { category, unit, currency, quantity } = now;
    const said = { title: payload, description: payload, location: payload, category, unit, currency, quantity };
    await updateListing(db, seller, now, { ...said, priceMinor: now.priceMinor - 1 });
    if (listing % 2)
      await reserveListing(db, seller, { id: listing, version: now.version + 1 }, { buyerId: cast.bea.id, hours: 2 });
  }
});

test("S-04: nothing that is typed becomes an event or a field of the stream", async () => {
  const { db, cast } = world;
  const stream = await server.stream(await server.signIn(cast.bea));
  const lines = lots.filter(({ payload }) => /[\n\r\u2028]|event:|id:/.test(payload));
  expect(lines.length).toBeGreaterThanOrEqual(5);
  for (const { thread, seller, payload } of lines) await reply(db, seller, thread, payload);
  for (const { listing, seller, payload } of lines) {
    const [now] = await findListings(db, [listing]);
    if (!now) throw new Error("the listing is gone");
    const { category, unit, currency, quantity } = now;
    const said = { title: payload, description: `${payload}!`, location: payload, category, unit, currency, quantity };
    await updateListing(db, seller, now, { ...said, priceMinor: now.priceMinor - 1 });
  }
  await world.drain();
  await stream.next(({ event, data }) => event === "market" && data.includes(`card-${lines.at(-1)?.listing}`));
  const names = new Set(stream.events.map(({ event }) => event));
  for (const name of names) expect(["hello", "heartbeat", "toast", "inbox", "market"]).toContain(name);
  const ids = stream.events.map(({ id }) => Number(id || 0)).filter(Boolean);
  expect(Math.max(...ids)).toBeLessThan(5_000);
  stream.close();
});

test("S-06: htmx runs no script, evaluates nothing and asks nobody else", async () => {
  const { page } = await atBrowser(server.url, world.cast.bea);
  await page.goto("/");
  await live(page);
  const config = await page.evaluate(
    "(({ allowEval, allowScriptTags, selfRequestsOnly, historyCacheSize, includeIndicatorStyles }) => ({ allowEval, allowScriptTags, selfRequestsOnly, historyCacheSize, includeIndicatorStyles }))(htmx.config)",
  );
  expect(config).toEqual({
    allowEval: false,
    allowScriptTags: false,
    selfRequestsOnly: true,
    historyCacheSize: 0,
    includeIndicatorStyles: false,
  });
  const asked: string[] = [];
  page.on("request", (request) => asked.push(new URL(request.url()).pathname));
  // As if a template had forgotten to escape: where people's words stand, htmx does not look.
  await page.evaluate(`
    const place = document.querySelector("h1[hx-disable]");
    place.innerHTML = '<p hx-post="/zq9" hx-trigger="load">a</p>';
    htmx.process(place);
    const open = document.createElement("p");
    open.innerHTML = '<b hx-get="/livez" hx-trigger="load">a</b>';
    document.querySelector("main").append(open);
    htmx.process(open);`);
  await page.waitForResponse((answer) => answer.url().endsWith("/livez"));
  expect(asked).not.toContain("/zq9");
  await page.context().close();
});
