import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { get, post } from "../accounts/site.ts";
import { publishedListing } from "../cast.ts";
import { createShop, eventsOf, jobsOf, kindsOf, listingIn, now } from "./shop.ts";

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

let shop: Awaited<ReturnType<typeof createShop>>;
beforeAll(async () => {
  shop = await createShop();
});
afterAll(() => shop.close());

function bySol(path: string, fields: Record<string, string>) {
  return post(shop.app, path, fields, shop.cookieOf(shop.cast.sol));
}

async function published(): Promise<number> {
  const answer = await bySol("/listings", FORM);
  return Number(/^\/listings\/(\d+)$/.exec(answer.headers.location ?? "")?.[1]);
}

describe("editing", () => {
  test("tells what changed, and gives the listing a new version", async () => {
    const id = await published();
    const answer = await bySol(`/listings/${id}`, {
      ...FORM,
      price: "7.90",
      quantity: "900",
      title: "Cathode",
      version: "1",
    });
    expect([answer.status, answer.headers.location]).toEqual([303, `/listings/${id}`]);
    const listing = await now(shop.db, id);
    expect(listing).toMatchObject({ priceMinor: 790, quantity: 900, title: "Cathode", version: 2 });
    expect(listing.updatedAt > listing.createdAt).toBe(true);
    expect((await eventsOf(shop.db, id)).at(-1)).toEqual({
      kind: "listing_updated",
      actorId: shop.cast.sol.id,
      data: {
        version: 1,
        title: "Cathode",
        sellerId: shop.cast.sol.id,
        edits: { price: { from: 845, to: 790 }, quantity: { from: 1200, to: 900 }, text: true },
        currency: "EUR",
        unit: "kg",
        terms: {
          before: { priceMinor: 845, currency: "EUR", quantity: 1200, unit: "kg" },
          after: { priceMinor: 790, currency: "EUR", quantity: 900, unit: "kg" },
          text: true,
        },
        reservedFor: null,
      },
    });
  });

  test("of a reserved listing says for whom it is reserved, to those who deliver the news", async () => {
    const { id, version } = await listingIn(shop, shop.cast, "reserved");
    const answer = await bySol(`/listings/${id}`, { ...FORM, version: String(version) });
    expect(answer.status).toBe(303);
    expect((await eventsOf(shop.db, id)).at(-1)?.data).toMatchObject({ reservedFor: shop.cast.bea.id });
    expect((await now(shop.db, id)).status).toBe("reserved");
  });

  test("that changes nothing tells nobody and keeps the version", async () => {
    const id = await published();
    const jobs = await jobsOf(shop.db, "deliver_event");
    expect((await bySol(`/listings/${id}`, { ...FORM, version: "1" })).status).toBe(303);
    expect(await kindsOf(shop.db, id)).toEqual(["listing_published"]);
    expect((await now(shop.db, id)).version).toBe(1);
    expect(await jobsOf(shop.db, "deliver_event")).toEqual(jobs);
  });

  test("another currency or unit is told as a change of the text, never as a lower or higher number", async () => {
    const id = await published();
    await bySol(`/listings/${id}`, { ...FORM, price: "9.10", currency: "USD", quantity: "2", unit: "t", version: "1" });
    expect((await eventsOf(shop.db, id)).at(-1)?.data).toMatchObject({
      edits: { text: true },
      currency: "USD",
      unit: "t",
    });
  });

  test("by somebody who has an old version is a conflict that keeps what was typed and offers to save it", async () => {
    const id = await published();
    await bySol(`/listings/${id}`, { ...FORM, price: "7.90", version: "1" });
    const late = await bySol(`/listings/${id}`, { ...FORM, title: "My late title", version: "1" });
    expect(late.status).toBe(409);
    expect(late.text).toContain("This listing has changed since you opened it");
    expect(late.text).toContain("€7.90");
    expect(late.text).toContain('value="My late title"');
    expect(late.text).toContain('name="version" value="2"');
    expect((await now(shop.db, id)).title).toBe("Copper cathode");
  });

  test("of what was sold meanwhile shows how it stands", async () => {
    const { id, version } = await listingIn(shop, shop.cast, "sold");
    for (const answer of [
      await bySol(`/listings/${id}`, { ...FORM, version: String(version) }),
      await get(shop.app, `/listings/${id}/edit`, shop.cookieOf(shop.cast.sol)),
    ]) {
      expect(answer.status).toBe(409);
      expect(answer.text).toContain(`data-status="sold"`);
      expect(answer.text).toContain("This listing is sold now, so it cannot be edited.");
    }
  });

  test.each(["", "one", "-1", "1e9", "99999999999", "1,1"])("with %j for a version is refused", async (version) => {
    const id = await published();
    const answer = await bySol(`/listings/${id}`, { ...FORM, title: "Other", version });
    expect(answer.status).toBe(422);
    expect((await now(shop.db, id)).title).toBe("Copper cathode");
  });

  test("an admin may, and the listing stays the seller's", async () => {
    const { id } = await publishedListing(shop.db, shop.cast.sol);
    const answer = await post(shop.app, `/listings/${id}`, { ...FORM, version: "1" }, shop.cookieOf(shop.cast.ada));
    expect(answer.status).toBe(303);
    expect(await now(shop.db, id)).toMatchObject({ title: FORM.title, sellerId: shop.cast.sol.id });
    expect((await eventsOf(shop.db, id)).at(-1)).toMatchObject({ actorId: shop.cast.ada.id });
  });
});
