import { sql } from "kysely";
import request from "supertest";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { unwatchListing, watchListing } from "../../src/marketplace/watches.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { kinds, optionalKinds } from "../../src/notifications/kinds.ts";
import { findMuted, muteListing } from "../../src/notifications/mutes.ts";
import { findPreferences, readChoices } from "../../src/notifications/preferences.ts";
import { timeZones } from "../../src/time-zones.ts";
import { get, post, signIn } from "../accounts/site.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { createShop, HTMX } from "../marketplace/shop.ts";

const PAGE = "/notifications/preferences";

let shop: Awaited<ReturnType<typeof createShop>>;
let wanda: Viewer;
let cookie: string;
let listingId: number;

beforeAll(async () => {
  shop = await createShop();
});
afterAll(() => shop.close());

// Wanda watches a listing, and was told that it is reserved for Bea: that is her number 1, and Bea's own is another.
beforeEach(async () => {
  const { db, app, cast } = shop;
  wanda = await createPerson(db, { role: "buyer" });
  cookie = await signIn(app, wanda);
  const listing = await publishedListing(db, cast.sol, { title: "Tin <b>" });
  listingId = listing.id;
  await watchListing(db, wanda, listingId);
  await reserveListing(db, cast.sol, listing, { buyerId: cast.bea.id, hours: 24 });
  await shop.world.drain();
});

const insert = (values: Record<string, unknown>) =>
  sql`insert into preferences (user_id, ${sql.join(Object.keys(values).map((name) => sql.ref(name)))})
    values (${wanda.id}, ${sql.join(Object.values(values))})`.execute(shop.db);

test.each([
  [{ time_zone: "Middle/Earth" }, /not recognized/],
  [{ quiet_from: "22:00" }, /preferences_quiet_both_or_none/],
  [{ quiet_from: "22:00", quiet_to: "22:00" }, /preferences_quiet_some_time/],
])(
  "the database refuses %o, whatever the code does, and takes a whole span in a zone that it knows",
  async (values, why) => {
    await expect(insert(values)).rejects.toThrow(why);
    await insert({ quiet_from: "22:00", quiet_to: "06:00", time_zone: "Europe/Berlin" });
  },
);

test("every time zone on offer is one that the database knows", async () => {
  expect(timeZones).toContain("Europe/Berlin");
  const { rows } = await sql`select now() at time zone zone from unnest(${timeZones}::text[]) zone`.execute(shop.db);
  expect(rows).toHaveLength(timeZones.length);
});

test("every kind has a name of its own, and each role chooses among those that it can hear of", async () => {
  const labels = Object.values(kinds).map(({ label }) => label);
  expect(new Set(labels).size).toBe(labels.length);
  const names = (role: "buyer" | "seller" | "admin") => optionalKinds(role).map(({ kind }) => kind);
  expect(names("admin")).toEqual([]);
  expect(names("buyer")).not.toContain("enquiry_received");
  expect(names("seller")).toContain("enquiry_received");
  for (const person of [wanda, shop.cast.sol, shop.cast.ada]) {
    const { text } = await get(shop.app, PAGE, person === wanda ? cookie : shop.cookieOf(person));
    const offered = [...text.matchAll(/<input type="radio" name="(\w+)" value="off"/g)].map(([, name]) => name);
    expect(offered).toEqual(names(person.role));
    expect(text.includes("your own reservation and what")).toBe(person.role === "buyer");
    expect(text.includes("cannot be switched off")).toBe(person.role !== "admin");
  }
});

test("what is saved stands on the page, holds for the one who saved it only, and a kind that the form lacks stays", async () => {
  const { app, db } = shop;
  const form = { quiet_from: "22:00", quiet_to: "06:30", time_zone: "Asia/Kolkata", keep_toasts: "yes" };
  const first = await post(app, PAGE, { ...form, listing_sold: "off", listing_reserved: "inbox" }, cookie);
  expect([first.status, first.headers["location"]]).toEqual([303, `${PAGE}?saved=yes`]);
  await post(app, PAGE, { ...form, listing_reserved: "toast" }, cookie);
  expect(await findPreferences(db, wanda.id)).toEqual({
    shown: { listing_sold: "off" },
    times: { quietFrom: "22:00", quietTo: "06:30", timeZone: "Asia/Calcutta", keepToasts: true },
  });
  const { text } = await get(app, `${PAGE}?saved=yes`, cookie);
  expect(text).toMatch(/name="quiet_to" value="06:30"/);
  expect(text).toMatch(/name="listing_sold" value="off"[^>]* checked/);
  expect(text).toContain("Your preferences are saved.");
  expect(text).toMatch(/<body[^>]* data-keep-toasts/);
  const others = await get(app, PAGE, shop.cookieOf(shop.cast.otto));
  expect(others.text).not.toMatch(/data-keep-toasts|value="off"[^>]* checked/);
  expect(others.text).toContain("data-guess-zone");
  expect(text).not.toContain("data-guess-zone");
});

test.each([
  [{ quiet_from: "22:00" }, "quiet_to", "Enter when quiet hours end, or clear when they begin."],
  [{ quiet_to: "22:00" }, "quiet_from", "Enter when quiet hours begin, or clear when they end."],
  [{ quiet_from: "25:00", quiet_to: "06:00" }, "quiet_from", "Enter a time such as 22:00."],
  [{ quiet_from: "06:00", quiet_to: "06:00" }, "quiet_to", "Enter another time than that at which they begin."],
  [{ time_zone: "Middle/Earth" }, "time_zone", "Choose a time zone from the list."],
  [{ time_zone: "+02:00" }, "time_zone", "Choose a time zone from the list."],
  [{ listing_sold: "loudly" }, "listing_sold", "Choose toast, inbox only or off."],
])("%o is refused beside its field, what was typed stays, and nothing is saved", async (wrong, field, message) => {
  const { app, db } = shop;
  const form = { time_zone: "Europe/Berlin", listing_reserved: "off", keep_toasts: "yes", ...wrong };
  for (const headers of [undefined, HTMX]) {
    const { status, text } = await post(app, PAGE, form, cookie, headers);
    expect(status).toBe(422);
    const [, beside] = text.split(`id="field-${field}-error"`);
    expect(beside?.slice(0, 900)).toContain(message);
    expect(text).toMatch(/name="listing_reserved" value="off"[^>]* checked/);
    expect(text).toMatch(/name="keep_toasts" value="yes"[^>]* checked/);
    expect(text.includes("<!doctype html>")).toBe(headers === undefined);
  }
  expect(await findPreferences(db, wanda.id)).toEqual({ shown: {}, times: null });
});

test("why: one's own notification says why it came, with what can be done about it; somebody else's is not there", async () => {
  const { app, cast } = shop;
  for (const headers of [{}, HTMX]) {
    const { status, text } = await get(app, "/notifications/1", cookie, headers);
    expect(status).toBe(200);
    expect(text).toContain("You watch this listing, so you are told of “Reservations”.");
    expect(text).toContain(`action="/listings/${listingId}/unwatch"`);
    expect(text).toContain('action="/notifications/mutes"');
    expect(text).not.toContain("<b>");
  }
  expect((await get(app, "/notifications/2", cookie)).status).toBe(404);
  const stranger = await signIn(app, await createPerson(shop.db, { role: "buyer" }));
  for (const answer of [
    get(app, "/notifications/1", stranger),
    post(app, "/notifications/1/kind", { shown: "off" }, stranger),
  ])
    expect((await answer).status).toBe(404);
  const own = await get(app, "/notifications/1", shop.cookieOf(cast.bea));
  expect(own.text).toContain("cannot be switched off");
  expect(own.text).not.toContain("/kind");
});

test("why: a kind is turned off and back, with and without scripts; the way back is called so", async () => {
  const { app, db } = shop;
  const choice = async () => (await readChoices(db, wanda.id, { kind: "listing_reserved", listingId })).shown;
  const off = await post(app, "/notifications/1/kind", { shown: "off", was: "toast" }, cookie);
  expect([off.status, off.headers["location"]]).toEqual([303, "/notifications/1?was=toast"]);
  expect(await choice()).toBe("off");
  expect((await get(app, "/notifications/1?was=toast", cookie)).text).toContain("Undo: show toasts");
  const inbox = await post(app, "/notifications/1/kind", { shown: "inbox", was: "off" }, cookie, HTMX);
  expect(await choice()).toBe("inbox");
  expect(inbox.text).toContain("come to the inbox only");
  expect((await post(app, "/notifications/1/kind", { shown: "loudly" }, cookie)).status).toBe(422);
  expect(await choice()).toBe("inbox");
});

test("a listing that one was told of is muted and unmuted, and stands among the muted by its name meanwhile", async () => {
  const { app, db } = shop;
  const muted = await post(app, "/notifications/mutes", { listing: `${listingId}`, next: "/notifications/1" }, cookie);
  expect([muted.status, muted.headers["location"]]).toEqual([303, "/notifications/1"]);
  expect(await findMuted(db, wanda.id)).toEqual([{ id: listingId, title: "Tin <b>" }]);
  expect((await get(app, PAGE, cookie)).text).toContain("Tin &lt;b&gt;</a>");
  expect((await get(app, PAGE, shop.cookieOf(shop.cast.bea))).text).toContain("Nothing is muted");
  const next = `${PAGE}?unmuted=${listingId}`;
  await post(app, `/notifications/mutes/${listingId}/delete`, { next }, cookie);
  expect(await findMuted(db, wanda.id)).toEqual([]);
  expect((await get(app, next, cookie)).text).toContain("Mute this listing");
  const away = await post(app, "/notifications/mutes", { listing: `${listingId}`, next: "//elsewhere.test" }, cookie);
  expect(away.headers["location"]).toBe("/");
});

test("U-21: what one muted and may no longer see is there without its name, and can be unmuted", async () => {
  const { app, db, cast } = shop;
  const gone = await publishedListing(db, cast.sol, { title: "Hafnium" });
  await watchListing(db, wanda, gone.id);
  await withdrawListing(db, cast.sol, gone);
  await shop.world.drain();
  await muteListing(db, wanda.id, gone.id);
  expect((await get(app, PAGE, cookie)).text).toContain("Hafnium");
  await unwatchListing(db, wanda, gone.id);
  expect((await get(app, PAGE, cookie)).text).not.toContain("Hafnium");
  expect((await findMuted(db, wanda.id)).map(({ title }) => title)).toContain("A listing");
  const answer = await post(app, `/notifications/mutes/${gone.id}/delete`, { next: PAGE }, cookie);
  expect([answer.status, (await findMuted(db, wanda.id)).some(({ id }) => id === gone.id)]).toEqual([303, false]);
});

test("a time zone that is sent twice is refused like any other that is none", async () => {
  const sent = request(shop.app).post(PAGE).set({ Cookie: cookie, "Sec-Fetch-Site": "same-origin" });
  expect((await sent.send("time_zone=UTC&time_zone=Europe%2FRome")).status).toBe(422);
});

test("a listing of which one was never told can neither be muted nor asked for its name", async () => {
  const { app, db } = shop;
  const untold = await publishedListing(db, shop.cast.sol, { title: "Unheard of" });
  const attempts = [
    post(app, "/notifications/mutes", { listing: `${untold.id}` }, cookie),
    post(app, `/notifications/mutes/${untold.id}/delete`, {}, cookie),
  ];
  for (const attempt of attempts) expect((await attempt).status).toBe(404);
  const asked = await get(app, `${PAGE}?unmuted=${untold.id}`, cookie);
  expect([asked.status, asked.text.includes("Unheard of")]).toEqual([200, false]);
  expect(await findMuted(db, wanda.id)).toEqual([]);
});
