import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { enquire } from "../../src/marketplace/enquiries.ts";
import { findListings, findListingsChangedSince, partFor } from "../../src/marketplace/listings.ts";
import { releaseListing, reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { relistListing, withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { get, signIn } from "../accounts/site.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { createShop, listingIn, now } from "./shop.ts";

let shop: Awaited<ReturnType<typeof createShop>>;
beforeAll(async () => {
  shop = await createShop();
});
afterAll(() => shop.close());

async function page(viewer: Viewer, id: number) {
  return get(shop.app, `/listings/${id}`, shop.cookieOf(viewer));
}

describe("a withdrawn listing", () => {
  test.each(["sol", "ada"] as const)("is there for %s, who may list it again", async (name) => {
    const { id } = await listingIn(shop, shop.cast, "withdrawn");
    const { status, text } = await page(shop.cast[name], id);
    expect(status).toBe(200);
    expect(text).toContain(`action="/listings/${id}/relisting"`);
  });

  test.each(["bea", "otto", "rita"] as const)(
    "looks to %s, who has nothing to do with it, like one that is not",
    async (name) => {
      const { id, title } = await listingIn(shop, shop.cast, "withdrawn");
      const [foreign, missing] = [await page(shop.cast[name], id), await page(shop.cast[name], 987_654)];
      expect([foreign.status, missing.status]).toEqual([404, 404]);
      const plain = (text: string) => text.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "");
      expect(plain(foreign.text)).toBe(plain(missing.text));
      expect(foreign.text).not.toContain(title);
    },
  );

  test.each(["watches", "asked", "had it reserved"])(
    "shows its state to a buyer who %s, and nothing to do",
    async (how) => {
      const { db, cast } = shop;
      const { id } = await publishedListing(db, cast.sol);
      let version = 1;
      if (how === "watches") await watchListing(db, cast.bea, id);
      if (how === "asked") await enquire(db, cast.bea, id, "Hello?");
      if (how === "had it reserved") {
        await reserveListing(db, cast.sol, { id, version }, { buyerId: cast.bea.id, hours: 1 });
        version += 1;
      }
      await withdrawListing(db, cast.sol, { id, version });
      const { status, text } = await page(cast.bea, id);
      expect(status).toBe(200);
      expect(text).toContain('data-status="withdrawn"');
      expect(text).not.toContain("/relisting");
      expect((await page(cast.otto, id)).status).toBe(404);
    },
  );
});

describe("who a buyer is", () => {
  const secret = { name: "Quentin Quist", company: "Quist & Co" };

  async function storied() {
    const { db, cast } = shop;
    const buyer = await createPerson(db, { role: "buyer", email: "quentin@demo.test", ...secret });
    const { id } = await publishedListing(db, cast.sol);
    await enquire(db, buyer, id, "Quietly asked");
    await watchListing(db, buyer, id);
    await reserveListing(db, cast.sol, { id, version: 1 }, { buyerId: buyer.id, hours: 1 });
    await releaseListing(db, cast.sol, { id, version: 2 });
    await reserveListing(db, cast.sol, { id, version: 3 }, { buyerId: buyer.id, hours: 1 });
    await withdrawListing(db, cast.sol, { id, version: 4 });
    await relistListing(db, cast.sol, { id, version: 5 });
    await reserveListing(db, cast.sol, { id, version: 6 }, { buyerId: buyer.id, hours: 1 });
    return { id, buyer };
  }

  let told: Awaited<ReturnType<typeof storied>>;
  beforeAll(async () => {
    told = await storied();
  });

  test.each(["bea", "otto", "rita"] as const)("is not told to %s, who sees what happened and when", async (name) => {
    for (const path of [`/listings/${told.id}`, "/listings", "/"]) {
      const { status, text } = await get(shop.app, path, shop.cookieOf(shop.cast[name]));
      expect([path, status]).toEqual([path, 200]);
      for (const word of ["Quentin", "Quist", "quentin@", "Quietly"]) expect(text).not.toContain(word);
    }
    const { text } = await page(shop.cast[name], told.id);
    expect(text.match(/class="timeline-item"/g)).toHaveLength(7);
    expect(text).toContain("Released: available again");
    expect(text).not.toContain(`#${told.buyer.id}`);
  });

  test.each(["sol", "ada"] as const)("is told to %s", async (name) => {
    const { text } = await page(shop.cast[name], told.id);
    expect(text).toContain("Reserved for Quentin Quist, Quist &amp; Co");
    expect(text).toContain("Withdrawn, and with it the reservation for Quentin Quist");
    expect(text).toContain("Released: no longer reserved for Quentin Quist");
    expect(text).not.toContain("quentin@");
  });

  test("is told to that buyer as you", async () => {
    const { text } = await get(shop.app, `/listings/${told.id}`, await signIn(shop.app, told.buyer));
    expect(text).toContain("Reserved for you");
    expect(text).toContain("Released: no longer reserved for you");
    expect(text).not.toContain("reserved for Quentin");
  });
});

describe("the actions fragment", () => {
  test("is the owner's for the seller and admins, the reserved one for that buyer, and the other for all others", async () => {
    const { cast } = shop;
    const listing = await listingIn(shop, cast, "reserved");
    const parts = Object.fromEntries(Object.entries(cast).map(([name, viewer]) => [name, partFor(viewer, listing)]));
    expect(parts).toEqual({ sol: "owner", ada: "owner", bea: "reserved", otto: "other", rita: "other" });
    const free = await listingIn(shop, cast, "available");
    expect(partFor(cast.bea, free)).toBe("other");
  });

  test.each(["rita", "bea", "otto"] as const)("has no forms for %s", async (name) => {
    const { id } = await listingIn(shop, shop.cast, "reserved");
    const { text } = await page(shop.cast[name], id);
    for (const step of ["reservation", "release", "sale", "withdrawal", "relisting", "edit"]) {
      expect(text).not.toContain(`/listings/${id}/${step}`);
    }
  });

  test("offers watching and asking to buyers only", async () => {
    const { id } = await publishedListing(shop.db, shop.cast.sol);
    for (const name of ["sol", "rita", "ada"] as const) {
      const { text } = await page(shop.cast[name], id);
      expect(text).not.toContain(`/listings/${id}/watch"`);
      expect(text).not.toContain(`/listings/${id}/enquiries"`);
    }
    const { text } = await page(shop.cast.bea, id);
    expect(text).toContain(`/listings/${id}/watch"`);
    expect(text).toContain(`/listings/${id}/enquiries"`);
  });
});

describe("listings for the live pages", () => {
  test("come in any state, in the order asked for, without those that are not", async () => {
    const [first, second] = [await listingIn(shop, shop.cast, "withdrawn"), await listingIn(shop, shop.cast, "sold")];
    const found = await findListings(shop.db, [second.id, 987_654, first.id]);
    expect(found).toEqual([second, first]);
    expect(await findListings(shop.db, [])).toEqual([]);
  });

  test("that changed since a moment come oldest change first, and no more than asked for", async () => {
    const [one, two] = [await publishedListing(shop.db, shop.cast.sol), await publishedListing(shop.db, shop.cast.sol)];
    const since = (await now(shop.db, two.id)).updatedAt;
    await withdrawListing(shop.db, shop.cast.sol, one);
    const found = await findListingsChangedSince(shop.db, since, 100);
    expect(found.map(({ id, status }) => [id, status])).toEqual([
      [two.id, "available"],
      [one.id, "withdrawn"],
    ]);
    expect(await findListingsChangedSince(shop.db, since, 1)).toHaveLength(1);
  });
});
