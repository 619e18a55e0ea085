import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InvalidError, NotFoundError } from "../../src/errors.ts";
import { warnOfExpiry } from "../../src/marketplace/ending.ts";
import { expireReservation, releaseListing, reserveListing, sellListing } from "../../src/marketplace/reservations.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { createWorld, type World } from "../world.ts";
import { eventsOf, jobsOf, kindsOf, letPass, listingIn, now } from "./shop.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

async function reservationOf(listingId: number) {
  return world.db
    .selectFrom("reservations")
    .selectAll()
    .where("listing_id", "=", listingId)
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirstOrThrow();
}

describe("reserving", () => {
  test("keeps the listing for the buyer for the hours asked, and has the queue end it at that moment", async () => {
    const { db, cast } = world;
    const { id } = await publishedListing(db, cast.sol);
    const asked = Date.now();
    await reserveListing(db, cast.sol, { id, version: 1 }, { buyerId: cast.bea.id, hours: 48 });
    const listing = await now(db, id);
    const reservation = await reservationOf(id);
    expect(listing).toMatchObject({
      status: "reserved",
      reservedFor: cast.bea.id,
      reservedForName: "Bea Brandt, Brandt Bau",
    });
    expect(listing.reservedUntil).toEqual(reservation.expires_at);
    expect(Math.abs(reservation.expires_at.getTime() - asked - 48 * 3_600_000)).toBeLessThan(60_000);
    const [job] = (await jobsOf(db, "expire_reservation")).filter(
      ({ payload }) => payload.reservationId === reservation.id,
    );
    expect(job?.runAt).toEqual(reservation.expires_at);
    const [, event] = await eventsOf(db, id);
    expect(event).toMatchObject({
      kind: "listing_reserved",
      actorId: cast.sol.id,
      data: { sellerId: cast.sol.id, buyerId: cast.bea.id, until: reservation.expires_at.toISOString() },
    });
  });

  test("an admin may do it for the seller, and the event says who did", async () => {
    const { db, cast } = world;
    const { id } = await publishedListing(db, cast.sol);
    await reserveListing(db, cast.ada, { id, version: 1 }, { buyerId: cast.bea.id, hours: 1 });
    const [, event] = await eventsOf(db, id);
    expect(event).toMatchObject({ actorId: cast.ada.id, data: { sellerId: cast.sol.id } });
  });

  test("another seller may not, and cannot tell it from a listing that is not there", async () => {
    const { db, cast } = world;
    const { id } = await publishedListing(db, cast.sol);
    const input = { buyerId: cast.bea.id, hours: 1 };
    const foreign = await reserveListing(db, cast.rita, { id, version: 1 }, input).catch((error) => error);
    const missing = await reserveListing(db, cast.rita, { id: 987_654, version: 1 }, input).catch((error) => error);
    expect(foreign).toBeInstanceOf(NotFoundError);
    expect(foreign).toEqual(missing);
    expect((await now(db, id)).status).toBe("available");
  });

  test("is refused for who is no active buyer, and leaves nothing behind", async () => {
    const { db, cast } = world;
    const gone = await createPerson(db, { role: "buyer" });
    await db.updateTable("users").set({ status: "suspended" }).where("id", "=", gone.id).execute();
    const listing = await publishedListing(db, cast.sol);
    for (const buyerId of [gone.id, cast.rita.id, cast.ada.id, 987_654]) {
      const attempt = reserveListing(db, cast.sol, listing, { buyerId, hours: 1 });
      await expect(attempt).rejects.toThrow(InvalidError);
    }
    expect(await now(db, listing.id)).toEqual(listing);
    expect(await kindsOf(db, listing.id)).toEqual(["listing_published"]);
  });
});

describe("the end of a reservation", () => {
  test("by the clock makes the listing available, and nobody is its actor", async () => {
    const { db, cast } = world;
    const listing = await listingIn(world, cast, "reserved");
    const { id } = await reservationOf(listing.id);
    await letPass(db, listing.id, 24);
    await expireReservation(db, id);
    expect(await now(db, listing.id)).toMatchObject({
      status: "available",
      reservedFor: null,
      reservedUntil: null,
      version: 3,
    });
    expect(await reservationOf(listing.id)).toMatchObject({ outcome: "expired", ended_at: expect.any(Date) });
    const event = (await eventsOf(db, listing.id)).at(-1);
    expect(event).toMatchObject({ kind: "reservation_expired", actorId: null, data: { buyerId: cast.bea.id } });
  });

  test("happens once, however often the clock asks", async () => {
    const listing = await listingIn(world, world.cast, "reserved");
    const { id } = await reservationOf(listing.id);
    await letPass(world.db, listing.id, 24);
    for (let time = 0; time < 3; time += 1) await expireReservation(world.db, id);
    const kinds = await kindsOf(world.db, listing.id);
    expect(kinds.filter((kind) => kind === "reservation_expired")).toHaveLength(1);
  });

  test("of one that was released does not end the next one", async () => {
    const { db, cast } = world;
    const listing = await listingIn(world, cast, "reserved");
    const first = await reservationOf(listing.id);
    await releaseListing(db, cast.sol, listing);
    await reserveListing(db, cast.sol, { id: listing.id, version: 3 }, { buyerId: cast.otto.id, hours: 5 });
    await letPass(db, listing.id, 5);
    await expireReservation(db, first.id);
    expect(await now(db, listing.id)).toMatchObject({ status: "reserved", reservedFor: cast.otto.id });
  });

  test("asked for too early does not come, and the queue asks again when it is time", async () => {
    const { db, cast } = world;
    const listing = await listingIn(world, cast, "reserved");
    const reservation = await reservationOf(listing.id);
    await sql`delete from graphile_worker._private_jobs where key = ${`expire_reservation:${reservation.id}`}`.execute(
      db,
    );
    for (let time = 0; time < 2; time += 1) await expireReservation(db, reservation.id);
    expect(await now(db, listing.id)).toEqual(listing);
    const waiting = (await jobsOf(db, "expire_reservation")).filter(
      ({ payload }) => payload.reservationId === reservation.id,
    );
    expect(waiting.map(({ runAt }) => runAt)).toEqual([reservation.expires_at]);
  });

  test("that never was is no error", async () => {
    await expireReservation(world.db, 987_654);
  });

  test("comes through the queue when its time has come, and not before", async () => {
    const { db, cast } = world;
    const due = await listingIn(world, cast, "reserved");
    const later = await listingIn(world, cast, "reserved");
    await letPass(db, due.id, 24);
    await letPass(db, later.id, 23.9);
    await world.drain();
    expect((await now(db, due.id)).status).toBe("available");
    expect((await now(db, later.id)).status).toBe("reserved");
  });

  test.each([
    ["released", "available"],
    ["sold", "sold"],
    ["withdrawn", "withdrawn"],
  ] as const)("by a person is kept in its row as %s", async (outcome, status) => {
    const { db, cast } = world;
    const act = { released: releaseListing, sold: sellListing, withdrawn: withdrawListing }[outcome];
    const listing = await listingIn(world, cast, "reserved");
    await act(db, cast.sol, listing);
    expect(await reservationOf(listing.id)).toMatchObject({ outcome, buyer_id: cast.bea.id });
    expect((await now(db, listing.id)).status).toBe(status);
    expect((await eventsOf(db, listing.id)).at(-1)?.data).toMatchObject({ buyerId: cast.bea.id });
  });
});

test.each([
  ["released", releaseListing],
  ["sold", sellListing],
  ["withdrawn", withdrawListing],
] as const)("the clock does nothing to what was %s first, neither warning nor ending it", async (_how, act) => {
  const { db, cast } = world;
  const listing = await listingIn(world, cast, "reserved");
  await act(db, cast.sol, listing);
  const [before, kinds] = [await now(db, listing.id), await kindsOf(db, listing.id)];
  const { id } = await reservationOf(listing.id);
  await db
    .updateTable("reservations")
    .set({ expires_at: new Date(0), warn_at: new Date(0) })
    .where("id", "=", id)
    .execute();
  await warnOfExpiry(db, id);
  await expireReservation(db, id);
  expect([await now(db, listing.id), await kindsOf(db, listing.id)]).toEqual([before, kinds]);
});
