import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ConflictError, NotFoundError } from "../../src/errors.ts";
import { warnOfExpiry } from "../../src/marketplace/ending.ts";
import { extendReservation } from "../../src/marketplace/extension.ts";
import { warningLead } from "../../src/marketplace/hours.ts";
import { expireReservation, reserveListing } from "../../src/marketplace/reservations.ts";
import { get, OWN, post } from "../accounts/site.ts";
import { publishedListing } from "../cast.ts";
import { createShop, eventsOf, HTMX, jobsOf, kindsOf, letPass, listingIn, now } from "./shop.ts";

const HOUR = 3_600_000;

let shop: Awaited<ReturnType<typeof createShop>>;
beforeAll(async () => {
  shop = await createShop();
});
afterAll(() => shop.close());

async function reservationOf(listingId: number) {
  const query = shop.db.selectFrom("reservations").selectAll().where("listing_id", "=", listingId);
  return query.orderBy("id", "desc").executeTakeFirstOrThrow();
}

async function jobTimes(name: string, reservationId: number): Promise<Date[]> {
  const jobs = await jobsOf(shop.db, name);
  return jobs.filter(({ payload }) => payload.reservationId === reservationId).map(({ runAt }) => runAt);
}

/** Reserved for Bea by Sol. */
async function reservedFor(hours: number) {
  const { db, cast } = shop;
  const { id } = await publishedListing(db, cast.sol);
  await reserveListing(db, cast.sol, { id, version: 1 }, { buyerId: cast.bea.id, hours });
  return { id, version: 2, reservation: await reservationOf(id) };
}

function extend(
  id: number,
  fields: Record<string, string>,
  headers: Record<string, string> = OWN,
  who = shop.cast.sol,
) {
  return post(shop.app, `/listings/${id}/extension`, fields, shop.cookieOf(who), headers);
}

test.each([
  ["1 hour", 1, 15],
  ["2 hours", 2, 15],
  ["5 hours", 5, 30],
  ["a day", 24, 144],
  ["40 hours", 40, 240],
  ["30 days", 720, 240],
])("of what is reserved for %s people are warned so many minutes before the end", (_time, hours, minutes) => {
  expect(warningLead(hours * HOUR)).toBe(minutes * 60_000);
});

describe("an extension", () => {
  test("moves the end, and the jobs that wait for it, by the hours: there is one of each", async () => {
    const { db, cast } = shop;
    const { id, version, reservation: before } = await reservedFor(24);
    await extendReservation(db, cast.sol, { id, version }, 26);
    const [listing, after] = [await now(db, id), await reservationOf(id)];
    expect(after.expires_at.getTime() - before.expires_at.getTime()).toBe(26 * HOUR);
    expect(listing).toMatchObject({ status: "reserved", version: 3, reservedFor: cast.bea.id });
    expect([listing.reservedUntil, listing.warnAt]).toEqual([after.expires_at, after.warn_at]);
    expect(Number(after.expires_at) - Number(after.warn_at)).toBe(4 * HOUR);
    expect(await jobTimes("expire_reservation", after.id)).toEqual([after.expires_at]);
    expect(await jobTimes("warn_of_expiry", after.id)).toEqual([after.warn_at]);
    expect((await eventsOf(db, id)).at(-1)).toMatchObject({
      kind: "reservation_extended",
      actorId: cast.sol.id,
      data: { buyerId: cast.bea.id, hours: 26, until: after.expires_at.toISOString() },
    });
  });

  test("makes a job of the old end do nothing, and the new end comes all the same", async () => {
    const { db, cast, world } = shop;
    const { id, version, reservation } = await reservedFor(24);
    await extendReservation(db, cast.sol, { id, version }, 24);
    await letPass(db, id, 24);
    const extended = await now(db, id);
    for (const job of [warnOfExpiry, expireReservation]) await job(db, reservation.id);
    expect(await now(db, id)).toEqual(extended);
    expect((await kindsOf(db, id)).at(-1)).toBe("reservation_extended");
    await letPass(db, id, 24);
    await world.drain();
    expect((await now(db, id)).status).toBe("available");
  });

  test("at the last moment of a long reservation is not followed by a warning at once", async () => {
    const { db, cast } = shop;
    const { id, version, reservation } = await reservedFor(720);
    await letPass(db, id, 719);
    await warnOfExpiry(db, reservation.id);
    await extendReservation(db, cast.sol, { id, version }, 3);
    await warnOfExpiry(db, reservation.id);
    expect((await kindsOf(db, id)).slice(-2)).toEqual(["reservation_ending", "reservation_extended"]);
    await letPass(db, id, 3.8);
    await warnOfExpiry(db, reservation.id);
    expect((await kindsOf(db, id)).at(-1)).toBe("reservation_ending");
  });

  test("is a conflict when the time is over, even before the queue has noticed", async () => {
    const { db, cast } = shop;
    const { id, version } = await reservedFor(24);
    await letPass(db, id, 24);
    await expect(extendReservation(db, cast.sol, { id, version }, 5)).rejects.toThrow(ConflictError);
    expect((await kindsOf(db, id)).at(-1)).toBe("listing_reserved");
  });

  test("is for the owner and admins: a rival sees nothing there, a buyer may not", async () => {
    const { db, cast } = shop;
    const { id, version } = await reservedFor(24);
    const form = { hours: "1", version: String(version) };
    expect((await extend(id, form, OWN, cast.rita)).status).toBe(404);
    expect((await extend(id, form, OWN, cast.bea)).status).toBe(403);
    await expect(extendReservation(db, cast.rita, { id, version }, 1)).rejects.toThrow(NotFoundError);
    expect((await now(db, id)).version).toBe(version);
    expect((await extend(id, form, OWN, cast.ada)).status).toBe(303);
    expect((await eventsOf(db, id)).at(-1)?.actorId).toBe(cast.ada.id);
  });
});

describe("the form of an extension", () => {
  test("leads a plain browser back to the page, whose history has it", async () => {
    const { id, version } = await reservedFor(24);
    const answer = await extend(id, { hours: "1", version: String(version) });
    expect([answer.status, answer.headers.location]).toEqual([303, `/listings/${id}`]);
    const page = async (who = shop.cast.sol) => (await get(shop.app, `/listings/${id}`, shop.cookieOf(who))).text;
    expect(await page()).toContain("Reservation for Bea Brandt, Brandt Bau extended by 1 hour");
    expect(await page(shop.cast.bea)).toContain("Your reservation extended by 1 hour");
    const ottos = await page(shop.cast.otto);
    expect(ottos).toContain("Reservation extended by 1 hour");
    expect(ottos).not.toMatch(/Bea Brandt|data-countdown/);
  });

  test("gives htmx the actions as they are now, and says until when it lasts", async () => {
    const { id, version } = await reservedFor(24);
    const { status, text } = await extend(id, { hours: "10", version: String(version) }, HTMX);
    expect(status).toBe(200);
    const { reservedUntil } = await now(shop.db, id);
    expect(text).toContain(`id="actions-${id}" data-version="${version + 1}"`);
    expect(text).toContain(`data-countdown="${reservedUntil?.toISOString()}"`);
    const [, notice = ""] = text.split(`id="notice-${id}"`);
    expect(notice).toContain("The reservation is extended. It lasts until <time");
    expect(notice).toContain(`datetime="${reservedUntil?.toISOString()}"`);
  });

  const wrong: [string, Record<string, string>, string][] = [
    ["no hours", { hours: "" }, "Enter a whole number of hours from 1 to 720."],
    ["parts of hours", { hours: "1.5" }, "Enter a whole number of hours from 1 to 720."],
    ["0 hours", { hours: "0" }, "Enter a whole number of hours from 1 to 720."],
    ["721 hours", { hours: "721" }, "Enter a whole number of hours from 1 to 720."],
    [
      "an end too far away",
      { hours: "72" },
      "Enter 20 hours or fewer: it can be kept for 720 hours (30 days) from now at the most.",
    ],
    ["no version", { version: "" }, "This form does not say which version it was made for."],
  ];

  test.each(wrong)("is given back for %s, open and with what was typed", async (_what, fields, message) => {
    const { id, version } = await reservedFor(700);
    for (const headers of [OWN, HTMX]) {
      const { status, text } = await extend(id, { hours: "12", version: String(version), ...fields }, headers);
      expect(status).toBe(422);
      expect(text).toContain(message);
      const form = text.slice(text.lastIndexOf("<details", text.indexOf(`id="extend-${id}"`)));
      expect(form).toMatch(/^<details class="disclosure" open>/);
      expect(form).toContain(`value="${fields["hours"] ?? "12"}"`);
      if (fields["hours"] !== undefined) expect(form).toContain('id="field-more-hours-error"');
    }
    expect((await now(shop.db, id)).version).toBe(version);
  });

  test("of what is not reserved any more is a conflict, and so is an old version, whatever was typed", async () => {
    const sold = await listingIn(shop, shop.cast, "sold");
    const late = await extend(sold.id, { hours: "", version: String(sold.version) });
    expect([late.status, late.text]).toEqual([
      409,
      expect.stringContaining("This listing is sold now, so it cannot be extended."),
    ]);
    const { id, version } = await reservedFor(24);
    const form = { hours: "5", version: String(version) };
    expect([(await extend(id, form)).status, (await extend(id, form)).status]).toEqual([303, 409]);
    expect((await now(shop.db, id)).version).toBe(version + 1);
  });
});

describe("the warning", () => {
  test("comes through the queue when the end is near, and not before", async () => {
    const { db, world, cast } = shop;
    const { id, reservation } = await reservedFor(24);
    await world.drain();
    await letPass(db, id, 21.5);
    await warnOfExpiry(db, reservation.id);
    await world.drain();
    expect((await kindsOf(db, id)).at(-1)).toBe("listing_reserved");
    await letPass(db, id, 0.2);
    await world.drain();
    expect((await eventsOf(db, id)).at(-1)).toMatchObject({
      kind: "reservation_ending",
      actorId: null,
      data: { buyerId: cast.bea.id, until: (await reservationOf(id)).expires_at.toISOString() },
    });
    expect(await now(db, id)).toMatchObject({ status: "reserved", version: 2 });
  });

  test("comes once for one end, however often the queue asks, and not when the time is over", async () => {
    const { db } = shop;
    const { id, reservation } = await reservedFor(24);
    await letPass(db, id, 23);
    await Promise.all([1, 2, 3].map(() => warnOfExpiry(db, reservation.id)));
    await warnOfExpiry(db, reservation.id);
    expect((await kindsOf(db, id)).filter((kind) => kind === "reservation_ending")).toHaveLength(1);
    const late = await reservedFor(24);
    await letPass(db, late.id, 24);
    await warnOfExpiry(db, late.reservation.id);
    await warnOfExpiry(db, 987_654);
    expect((await kindsOf(db, late.id)).at(-1)).toBe("listing_reserved");
  });
});
