import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { enquire } from "../../src/marketplace/enquiries.ts";
import { get, post } from "../accounts/site.ts";
import { publishedListing } from "../cast.ts";
import { createShop, eventsOf, HTMX, kindsOf, listingIn } from "./shop.ts";

let shop: Awaited<ReturnType<typeof createShop>>;
beforeAll(async () => {
  shop = await createShop();
});
afterAll(() => shop.close());

function byBea(path: string, fields: Record<string, string> = {}, headers?: Record<string, string>) {
  return post(shop.app, path, fields, shop.cookieOf(shop.cast.bea), headers);
}

async function watchers(listingId: number): Promise<number[]> {
  const found = await shop.db.selectFrom("watches").select("user_id").where("listing_id", "=", listingId).execute();
  return found.map(({ user_id }) => user_id);
}

describe("watching", () => {
  test("is kept, once, and ends when asked", async () => {
    const { id } = await publishedListing(shop.db, shop.cast.sol);
    for (let time = 0; time < 2; time += 1) {
      const answer = await byBea(`/listings/${id}/watch`);
      expect([answer.status, answer.headers.location]).toEqual([303, `/listings/${id}`]);
      expect(await watchers(id)).toEqual([shop.cast.bea.id]);
    }
    for (let time = 0; time < 2; time += 1) {
      expect((await byBea(`/listings/${id}/unwatch`)).status).toBe(303);
      expect(await watchers(id)).toEqual([]);
    }
    expect(await kindsOf(shop.db, id)).toEqual(["listing_published"]);
  });

  test("answers htmx with the other button", async () => {
    const { id } = await publishedListing(shop.db, shop.cast.sol);
    const on = await byBea(`/listings/${id}/watch`, {}, HTMX);
    expect(on.text).toContain(`hx-post="/listings/${id}/unwatch"`);
    expect(on.text).toContain("Stop watching");
    const off = await byBea(`/listings/${id}/unwatch`, {}, HTMX);
    expect(off.text).toContain(`hx-post="/listings/${id}/watch"`);
    expect(off.text).not.toContain("<html");
  });

  test("of what is not there, or withdrawn by a stranger, is not found", async () => {
    const withdrawn = await listingIn(shop, shop.cast, "withdrawn");
    for (const id of [withdrawn.id, 987_654]) expect((await byBea(`/listings/${id}/watch`)).status).toBe(404);
    expect(await watchers(withdrawn.id)).toEqual([]);
  });

  test("can be ended when the listing was withdrawn meanwhile, and does not lead where nothing is", async () => {
    const { id, version } = await publishedListing(shop.db, shop.cast.sol);
    await byBea(`/listings/${id}/watch`);
    await post(shop.app, `/listings/${id}/withdrawal`, { version: String(version) }, shop.cookieOf(shop.cast.sol));
    const answer = await byBea(`/listings/${id}/unwatch`);
    expect([answer.status, answer.headers.location]).toEqual([303, "/"]);
    expect((await get(shop.app, `/listings/${id}`, shop.cookieOf(shop.cast.bea))).status).toBe(404);
  });
});

describe("asking", () => {
  test("opens a thread with the message and tells the seller", async () => {
    const { id, title } = await publishedListing(shop.db, shop.cast.sol);
    const answer = await byBea(`/listings/${id}/enquiries`, { message: " How old\r\nis it? " });
    expect(answer.status).toBe(303);
    const path = answer.headers.location ?? "";
    expect(path).toMatch(/^\/enquiries\/\d+$/);
    const { bea, sol } = shop.cast;
    expect((await eventsOf(shop.db, id)).at(-1)).toEqual({
      kind: "enquiry_received",
      actorId: bea.id,
      data: {
        title,
        sellerId: sol.id,
        version: 1,
        buyerId: bea.id,
        buyerName: bea.name,
        excerpt: "How old is it?",
        messageId: expect.any(Number),
      },
    });
    const page = await get(shop.app, path, shop.cookieOf(sol));
    expect(page.text).toContain("How old\nis it?</div>");
  });

  test("twice is one thread with two messages", async () => {
    const { id } = await publishedListing(shop.db, shop.cast.sol);
    const first = await byBea(`/listings/${id}/enquiries`, { message: "One" });
    const second = await byBea(`/listings/${id}/enquiries`, { message: "Two" });
    expect(second.headers.location).toBe(first.headers.location);
    expect(await kindsOf(shop.db, id)).toEqual(["listing_published", "enquiry_received", "enquiry_replied"]);
  });

  test("by another buyer is another thread", async () => {
    const { id } = await publishedListing(shop.db, shop.cast.sol);
    const beas = await byBea(`/listings/${id}/enquiries`, { message: "One" });
    const ottos = await post(shop.app, `/listings/${id}/enquiries`, { message: "One" }, shop.cookieOf(shop.cast.otto));
    expect(ottos.headers.location).not.toBe(beas.headers.location);
  });

  test.each([
    ["nothing", {}, "Enter a message."],
    ["blanks", { message: " \n\u0000 " }, "Enter a message."],
    ["too much", { message: "y".repeat(4001) }, "Use 4000 characters at the most."],
  ])("with %s is refused beside the field, on the page and through htmx", async (_what, fields, message) => {
    const { id } = await publishedListing(shop.db, shop.cast.sol);
    for (const headers of [undefined, HTMX]) {
      const { status, text } = await byBea(`/listings/${id}/enquiries`, fields, headers);
      expect(status).toBe(422);
      expect(text).toContain(`href="#field-message">${message}`);
      if ("message" in fields && fields.message.length > 100) expect(text).toContain(fields.message);
    }
    expect(await kindsOf(shop.db, id)).toEqual(["listing_published"]);
  });

  test.each(["sold", "withdrawn"] as const)(
    "about what is %s is a conflict that shows it, unless there is a thread",
    async (state) => {
      const asked = await publishedListing(shop.db, shop.cast.sol);
      await enquire(shop.db, shop.cast.bea, asked.id, "Mine?");
      const listing = await listingIn(shop, shop.cast, state);
      await shop.db.insertInto("watches").values({ user_id: shop.cast.bea.id, listing_id: listing.id }).execute();
      for (const headers of [undefined, HTMX]) {
        const { status, text } = await byBea(`/listings/${listing.id}/enquiries`, { message: "Late" }, headers);
        expect(status).toBe(409);
        expect(text).toContain(`data-status="${state}"`);
        expect(text).toContain(`This listing is ${state} now, so it cannot be asked about.`);
      }
      expect(await kindsOf(shop.db, listing.id)).not.toContain("enquiry_received");
      await shop.db.insertInto("enquiries").values({ listing_id: listing.id, buyer_id: shop.cast.bea.id }).execute();
      expect((await byBea(`/listings/${listing.id}/enquiries`, { message: "Still" })).status).toBe(303);
    },
  );
});
