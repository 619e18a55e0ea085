import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { get, OWN, post } from "../accounts/site.ts";
import { createShop, eventsOf, HTMX, now, rowsOf } from "./shop.ts";

const FORM = {
  title: "Copper cathode",
  description: "Grade A\nin bond",
  category: "metals",
  quantity: "1,200",
  unit: "kg",
  price: "8.45",
  currency: "EUR",
  location: "Rotterdam",
};
const STRANGE = `<img src=x onerror=alert(1)> "quoted" 'single' & 🛎️ {{7*7}} <% 1 %>`;

let shop: Awaited<ReturnType<typeof createShop>>;
beforeAll(async () => {
  shop = await createShop();
});
afterAll(() => shop.close());

function bySol(path: string, fields: Record<string, string>, headers: Record<string, string> = OWN) {
  return post(shop.app, path, fields, shop.cookieOf(shop.cast.sol), headers);
}

async function published(fields: Record<string, string> = {}): Promise<number> {
  const answer = await bySol("/listings", { ...FORM, ...fields });
  expect([answer.status, answer.text]).toEqual([303, expect.any(String)]);
  return Number(/^\/listings\/(\d+)$/.exec(answer.headers.location ?? "")?.[1]);
}

describe("publishing", () => {
  test("stores what was typed, records it and leads to the listing", async () => {
    const id = await published();
    expect(await now(shop.db, id)).toMatchObject({
      sellerId: shop.cast.sol.id,
      title: "Copper cathode",
      description: "Grade A\nin bond",
      quantity: 1200,
      priceMinor: 845,
      currency: "EUR",
      status: "available",
      version: 1,
    });
    expect(await eventsOf(shop.db, id)).toEqual([
      {
        kind: "listing_published",
        actorId: shop.cast.sol.id,
        data: { title: "Copper cathode", sellerId: shop.cast.sol.id, priceMinor: 845, currency: "EUR" },
      },
    ]);
    const page = await get(shop.app, `/listings/${id}`, shop.cookieOf(shop.cast.bea));
    expect(page.text).toContain("€8.45");
    expect(page.text).toContain("1,200 kg");
  });

  test("through htmx leads there, too", async () => {
    const answer = await bySol("/listings", FORM, HTMX);
    expect(answer.status).toBe(204);
    expect(answer.headers["hx-redirect"]).toMatch(/^\/listings\/\d+$/);
  });

  test("keeps HTML, emoji and template signs faithfully and shows them as text", async () => {
    const id = await published({ title: STRANGE, description: STRANGE, location: STRANGE });
    expect(await now(shop.db, id)).toMatchObject({ title: STRANGE, description: STRANGE, location: STRANGE });
    for (const path of [`/listings/${id}`, "/listings?mine=1", `/listings/${id}/edit`, "/"]) {
      const { status, text } = await get(shop.app, path, shop.cookieOf(shop.cast.sol));
      expect([path, status]).toEqual([path, 200]);
      expect(text).not.toContain("<img");
      expect(text).toContain("&lt;img src=x onerror=alert(1)&gt;");
    }
  });
});

const wrong: [string, Record<string, string>, string, string][] = [
  ["no title", { title: " \u0000 " }, "title", "Enter a title."],
  ["a title too long", { title: "x".repeat(121) }, "title", "Use 120 characters at the most."],
  ["no description", { description: "" }, "description", "Enter a description."],
  ["a description too long", { description: "x".repeat(4001) }, "description", "Use 4000 characters at the most."],
  ["no category", { category: "" }, "category", "Choose a category from the list."],
  ["an unknown category", { category: "weapons" }, "category", "Choose a category from the list."],
  ["a category out of the object's own", { category: "__proto__" }, "category", "Choose a category from the list."],
  ["a negative quantity", { quantity: "-1" }, "quantity", "Enter a quantity of 1 or more."],
  ["a quantity in words", { quantity: "lots" }, "quantity", "Enter the quantity as a whole number, such as 1200."],
  ["an unknown unit", { unit: "furlongs" }, "unit", "Choose a unit from the list."],
  ["a negative price", { price: "-1" }, "price", "Enter a price of 0 or more."],
  ["too many decimals", { price: "1.005" }, "price", "EUR has 2 decimals: enter no more than that."],
  ["an unknown currency", { currency: "XXX" }, "currency", "Choose a currency from the list."],
  ["no place", { location: "" }, "location", "Enter where the stock is."],
];

describe("is refused beside the field, with what was typed kept:", () => {
  test.each(wrong)("%s", async (_what, fields, name, message) => {
    const before = await rowsOf(shop.db, "listings");
    const { status, text } = await bySol("/listings", { ...FORM, ...fields });
    expect(status).toBe(422);
    expect(text).toContain("<title>Error: Publish listing");
    expect(text).toContain(`href="#field-${name}">${message}`);
    expect(text).toMatch(new RegExp(`id="field-${name}-error">[\\s\\S]{0,400}${message.replaceAll(".", "\\.")}`));
    if (name !== "title") expect(text).toContain('value="Copper cathode"');
    if (name !== "location") expect(text).toContain('value="Rotterdam"');
    expect(await rowsOf(shop.db, "listings")).toEqual(before);
  });

  test("everything at once", async () => {
    const { status, text } = await bySol("/listings", {});
    expect(status).toBe(422);
    for (const name of Object.keys(FORM)) expect(text).toContain(`href="#field-${name}"`);
  });

  test("and htmx gets the form without the page", async () => {
    const { status, text } = await bySol("/listings", { ...FORM, title: "" }, HTMX);
    expect(status).toBe(422);
    expect(text).toContain('href="#field-title">Enter a title.');
    expect(text).not.toContain("<html");
  });
});

test("repeated parameters are refused, and what was typed stays", async () => {
  const body = new URLSearchParams(FORM);
  for (const name of Object.keys(FORM)) body.append(name, "twice");
  const answer = await bySol("/listings", {}).send(body.toString());
  expect(answer.status).toBe(422);
  expect(answer.text).toContain('value="Copper cathode,twice"');
});
