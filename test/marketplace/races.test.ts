import { afterAll, beforeAll, expect, test } from "vitest";
import { ConflictError } from "../../src/errors.ts";
import { enquire } from "../../src/marketplace/enquiries.ts";
import { extendReservation } from "../../src/marketplace/extension.ts";
import { updateListing } from "../../src/marketplace/publishing.ts";
import { expireReservation, releaseListing, reserveListing, sellListing } from "../../src/marketplace/reservations.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { publishedListing, someStock } from "../cast.ts";
import { createWorld, type World } from "../world.ts";
import { eventsOf, kindsOf, letPass, listingIn, now } from "./shop.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

async function outcomes(actions: Promise<unknown>[]) {
  const settled = await Promise.allSettled(actions);
  const failed = settled.flatMap((result) => (result.status === "rejected" ? [result.reason] : []));
  return { won: settled.length - failed.length, failed };
}

test("of two reservations at once one succeeds and the other is a conflict", async () => {
  const { db, cast } = world;
  for (let round = 0; round < 5; round += 1) {
    const listing = await publishedListing(db, cast.sol);
    const { won, failed } = await outcomes([
      reserveListing(db, cast.sol, listing, { buyerId: cast.bea.id, hours: 1 }),
      reserveListing(db, cast.ada, listing, { buyerId: cast.otto.id, hours: 1 }),
    ]);
    expect(won).toBe(1);
    expect(failed).toEqual([expect.any(ConflictError)]);
    expect(await kindsOf(db, listing.id)).toEqual(["listing_published", "listing_reserved"]);
    const held = await db.selectFrom("reservations").selectAll().where("listing_id", "=", listing.id).execute();
    expect(held.map(({ buyer_id }) => buyer_id)).toEqual([(await now(db, listing.id)).reservedFor]);
  }
});

test("of a sale, a release, a withdrawal and an edit at once exactly one happens", async () => {
  const { db, cast } = world;
  for (let round = 0; round < 5; round += 1) {
    const listing = await listingIn(world, cast, "reserved");
    const { won, failed } = await outcomes([
      sellListing(db, cast.sol, listing),
      releaseListing(db, cast.sol, listing),
      withdrawListing(db, cast.ada, listing),
      updateListing(db, cast.sol, listing, { ...someStock(), quantity: 7 }),
    ]);
    expect(won).toBe(1);
    expect(failed).toHaveLength(3);
    expect(failed.every((error) => error instanceof ConflictError)).toBe(true);
    expect(await kindsOf(db, listing.id)).toHaveLength(3);
    expect((await now(db, listing.id)).version).toBe(listing.version + 1);
  }
});

test("of two extensions at once with one version one counts, and the other is a conflict", async () => {
  const { db, cast } = world;
  for (let round = 0; round < 5; round += 1) {
    const listing = await listingIn(world, cast, "reserved");
    const { won, failed } = await outcomes([
      extendReservation(db, cast.sol, listing, 5),
      extendReservation(db, cast.ada, listing, 5),
    ]);
    expect(won).toBe(1);
    expect(failed).toEqual([expect.any(ConflictError)]);
    const { reservedUntil } = await now(db, listing.id);
    expect(Number(reservedUntil) - Number(listing.reservedUntil)).toBe(5 * 3_600_000);
    expect(await kindsOf(db, listing.id)).toEqual(["listing_published", "listing_reserved", "reservation_extended"]);
  }
});

test("when the clock and the seller act at once, the reservation ends once", async () => {
  const { db, cast } = world;
  for (let round = 0; round < 5; round += 1) {
    const listing = await listingIn(world, cast, "reserved");
    const { id } = await db
      .selectFrom("reservations")
      .select("id")
      .where("listing_id", "=", listing.id)
      .executeTakeFirstOrThrow();
    await letPass(db, listing.id, 24);
    await outcomes([expireReservation(db, id), sellListing(db, cast.sol, listing), expireReservation(db, id)]);
    const { status } = await now(db, listing.id);
    const { outcome } = await db
      .selectFrom("reservations")
      .select("outcome")
      .where("id", "=", id)
      .executeTakeFirstOrThrow();
    expect([status, outcome]).toEqual(status === "sold" ? ["sold", "sold"] : ["available", "expired"]);
    expect(await kindsOf(db, listing.id)).toHaveLength(3);
  }
});

test("R-16: a message that is posted ten times at once is one message and one event", async () => {
  const { db, cast } = world;
  const { id } = await publishedListing(db, cast.sol);
  const asked = await Promise.all(Array.from({ length: 10 }, () => enquire(db, cast.bea, id, "Is it still there?")));
  expect(new Set(asked).size).toBe(1);
  expect(await kindsOf(db, id)).toEqual(["listing_published", "enquiry_received"]);
  await enquire(db, cast.bea, id, "And at which price?");
  expect(await kindsOf(db, id)).toEqual(["listing_published", "enquiry_received", "enquiry_replied"]);
});

test("what happens to one listing at once is in the log in the order in which it happened", async () => {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol);
  let version = listing.version;
  const edits = (async () => {
    for (let quantity = 1; quantity <= 20; quantity += 1) {
      await updateListing(
        db,
        cast.sol,
        { id: listing.id, version: version++ },
        { ...someStock(), title: "Same", quantity },
      );
    }
  })();
  const questions = (async () => {
    for (let number = 0; number < 20; number += 1) await enquire(db, cast.bea, listing.id, `Question ${number}`);
  })();
  await Promise.all([edits, questions]);
  const events = await eventsOf(db, listing.id);
  const numbers = events.flatMap(({ data }) =>
    "edits" in data && data.edits.quantity ? [data.edits.quantity.to] : [],
  );
  expect(numbers).toEqual(Array.from({ length: 20 }, (_, index) => index + 1));
  expect(events).toHaveLength(41);
});
