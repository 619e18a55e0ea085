import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { enquire } from "../../src/marketplace/enquiries.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { get, OWN, post } from "../accounts/site.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { createShop, HTMX, kindsOf, listingIn, now } from "./shop.ts";

let shop: Awaited<ReturnType<typeof createShop>>;
beforeAll(async () => {
  shop = await createShop();
});
afterAll(() => shop.close());

function bySol(id: number, step: string, fields: Record<string, string>, headers: Record<string, string> = OWN) {
  return post(shop.app, `/listings/${id}/${step}`, fields, shop.cookieOf(shop.cast.sol), headers);
}

const steps = [
  ["available", "withdrawal", "withdrawn"],
  ["reserved", "release", "available"],
  ["reserved", "sale", "sold"],
  ["reserved", "withdrawal", "withdrawn"],
  ["withdrawn", "relisting", "available"],
] as const;

describe.each(steps)("from %s, the %s", (from, step, to) => {
  test(`leads a plain browser back to the listing, which is ${to}`, async () => {
    const { id, version } = await listingIn(shop, shop.cast, from);
    const answer = await bySol(id, step, { version: String(version) });
    expect([answer.status, answer.headers.location]).toEqual([303, `/listings/${id}`]);
    expect((await now(shop.db, id)).status).toBe(to);
  });

  test("gives htmx the actions as they are now, and the facts, the history and what was done out of band", async () => {
    const { id, version } = await listingIn(shop, shop.cast, from);
    const { status, text } = await bySol(id, step, { version: String(version) }, HTMX);
    expect(status).toBe(200);
    expect(text.trimStart()).toMatch(
      new RegExp(`^<section class="panel" id="actions-${id}" data-version="${version + 1}"`),
    );
    expect(text).toMatch(new RegExp(`id="facts-${id}"[^>]*data-status="${to}"[^>]*hx-swap-oob="true"`));
    expect(text).toMatch(new RegExp(`id="history-${id}"[^>]*hx-swap-oob="true"`));
    expect(text).toMatch(new RegExp(`id="notice-${id}" role="status" hx-swap-oob="true"`));
    expect(text).not.toContain(`name="version" value="${version}"`);
    expect(text).not.toContain("<html");
  });

  test("with an old version is a conflict that shows how it stands, and does nothing", async () => {
    const { id, version } = await listingIn(shop, shop.cast, from);
    const kinds = await kindsOf(shop.db, id);
    for (const headers of [OWN, HTMX]) {
      const { status, text } = await bySol(id, step, { version: String(version - 1) }, headers);
      expect(status).toBe(409);
      expect(text).toContain(`data-status="${from}"`);
      expect(text).toContain("This listing has changed since you opened it.");
    }
    expect(await kindsOf(shop.db, id)).toEqual(kinds);
  });
});

test("what the state no longer allows is a conflict that says why", async () => {
  const { id, version } = await listingIn(shop, shop.cast, "sold");
  const { status, text } = await bySol(id, "relisting", { version: String(version) });
  expect(status).toBe(409);
  expect(text).toContain("This listing is sold now, so it cannot be listed again.");
});

describe("reserving", () => {
  test.each([
    ["by email", () => "bea@demo.test"],
    ["by email in other letters", () => " BEA@demo.test "],
    ["by the number of one who watches", () => String(shop.cast.bea.id)],
    ["by the name from the list", () => `Bea Brandt, Brandt Bau #${shop.cast.bea.id}`],
  ])("%s keeps it for that buyer", async (_how, buyer) => {
    const { id } = await publishedListing(shop.db, shop.cast.sol);
    await watchListing(shop.db, shop.cast.bea, id);
    const answer = await bySol(id, "reservation", { buyer: buyer(), hours: "12", version: "1" });
    expect([answer.status, answer.headers.location]).toEqual([303, `/listings/${id}`]);
    expect(await now(shop.db, id)).toMatchObject({ status: "reserved", reservedFor: shop.cast.bea.id });
  });

  test("suggests those who asked and those who watch, and nobody else", async () => {
    const { id } = await publishedListing(shop.db, shop.cast.sol);
    const gone = await createPerson(shop.db, { role: "buyer", name: "Gone Girl" });
    await watchListing(shop.db, shop.cast.otto, id);
    await watchListing(shop.db, gone, id);
    await enquire(shop.db, shop.cast.bea, id, "Hello?");
    await shop.db.updateTable("users").set({ status: "suspended" }).where("id", "=", gone.id).execute();
    const { text } = await get(shop.app, `/listings/${id}`, shop.cookieOf(shop.cast.sol));
    const [, list = ""] = /<datalist[^>]*>([\s\S]*?)<\/datalist>/.exec(text) ?? [];
    const names = [...list.matchAll(/value="([^"]*)"/g)].map((match) => match[1]);
    const { bea, otto } = shop.cast;
    expect(names).toEqual([`Bea Brandt, Brandt Bau #${bea.id}`, `Otto Olsen, Olsen Works #${otto.id}`]);
    expect(text).not.toContain("bea@demo.test");
    expect(text).toContain("2 people watch it");
  });

  const wrong: [string, Record<string, string>, string][] = [
    ["nobody", { buyer: "" }, "Enter the buyer."],
    ["an unknown email", { buyer: "who@demo.test" }, "Choose a buyer from the list"],
    ["a seller", { buyer: "rita@demo.test" }, "Choose a buyer from the list"],
    ["a stranger's number", { buyer: "2" }, "Choose a buyer from the list"],
    ["a number that is none", { buyer: "9".repeat(40) }, "Choose a buyer from the list"],
    ["odd signs", { buyer: "\u0000' or 1=1 -- #" }, "Choose a buyer from the list"],
    ["no hours", { hours: "" }, "Enter a whole number of hours from 1 to 720."],
    ["hours that are none", { hours: "soon" }, "Enter a whole number of hours from 1 to 720."],
    ["negative hours", { hours: "-1" }, "Enter a whole number of hours from 1 to 720."],
    ["parts of hours", { hours: "1.5" }, "Enter a whole number of hours from 1 to 720."],
    ["0 hours", { hours: "0" }, "Enter a whole number of hours from 1 to 720."],
    ["721 hours", { hours: "721" }, "Enter a whole number of hours from 1 to 720."],
    ["no version", { version: "" }, "This form does not say which version it was made for."],
  ];

  test.each(wrong)("for %s is refused with the form open and what was typed in it", async (_what, fields, message) => {
    const { id } = await publishedListing(shop.db, shop.cast.sol);
    const form = { buyer: "bea@demo.test", hours: "12", version: "1", ...fields };
    for (const headers of [OWN, HTMX]) {
      const { status, text } = await bySol(id, "reservation", form, headers);
      expect(status).toBe(422);
      expect(text).toContain(message);
      expect(text).toContain('<details class="disclosure" open>');
      if (!("hours" in fields)) expect(text).toContain('value="12"');
      if (!("buyer" in fields)) expect(text).toContain('value="bea@demo.test"');
    }
    expect((await now(shop.db, id)).status).toBe("available");
  });

  test("repeated parameters are refused", async () => {
    const { id } = await publishedListing(shop.db, shop.cast.sol);
    const twice = "buyer=bea@demo.test&buyer=otto@demo.test&hours=1&hours=2&version=1&version=1";
    const answer = await bySol(id, "reservation", {}).send(twice);
    expect(answer.status).toBe(422);
    expect((await now(shop.db, id)).status).toBe("available");
  });

  test("what is reserved already is a conflict, whatever else was typed", async () => {
    const { id, version } = await listingIn(shop, shop.cast, "reserved");
    const { status, text } = await bySol(id, "reservation", { buyer: "", hours: "", version: String(version) });
    expect(status).toBe(409);
    expect(text).toContain("This listing is reserved now, so it cannot be reserved.");
  });
});
