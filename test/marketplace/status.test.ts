import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ListingStatus } from "../../src/db.ts";
import { ConflictError } from "../../src/errors.ts";
import type { Target } from "../../src/marketplace/change.ts";
import { extendReservation } from "../../src/marketplace/extension.ts";
import { updateListing } from "../../src/marketplace/publishing.ts";
import { releaseListing, reserveListing, sellListing } from "../../src/marketplace/reservations.ts";
import { mayStep, type Step, stepNames } from "../../src/marketplace/status.ts";
import { relistListing, withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { someStock } from "../cast.ts";
import { createWorld, type World } from "../world.ts";
import { kindsOf, listingIn, now } from "./shop.ts";

const states: ListingStatus[] = ["available", "reserved", "sold", "withdrawn"];

// Written out a second time on purpose: the machine is checked against this table, not against itself.
const allowed: Record<ListingStatus, Partial<Record<Step, ListingStatus>>> = {
  available: { reserve: "reserved", withdraw: "withdrawn" },
  reserved: { extend: "reserved", release: "available", sell: "sold", withdraw: "withdrawn" },
  sold: {},
  withdrawn: { relist: "available" },
};

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

function take(step: Step, target: Target): Promise<void> {
  const { db, cast } = world;
  const steps: Record<Step, () => Promise<void>> = {
    reserve: () => reserveListing(db, cast.sol, target, { buyerId: cast.otto.id, hours: 1 }),
    extend: () => extendReservation(db, cast.sol, target, 1),
    release: () => releaseListing(db, cast.sol, target),
    sell: () => sellListing(db, cast.sol, target),
    withdraw: () => withdrawListing(db, cast.sol, target),
    relist: () => relistListing(db, cast.sol, target),
  };
  return steps[step]();
}

describe.each(states)("a listing that is %s", (status) => {
  test.each(stepNames)("takes the step %s, or is left as it was", async (step) => {
    const before = await listingIn(world, world.cast, status);
    const kinds = await kindsOf(world.db, before.id);
    const to = allowed[status][step];
    expect(mayStep(status, step)).toBe(to !== undefined);
    if (to === undefined) {
      await expect(take(step, before)).rejects.toThrow(ConflictError);
      expect(await now(world.db, before.id)).toEqual(before);
      expect(await kindsOf(world.db, before.id)).toEqual(kinds);
      return;
    }
    await take(step, before);
    const after = await now(world.db, before.id);
    expect([after.status, after.version]).toEqual([to, before.version + 1]);
    expect(after.reservedFor).toBe(to === "reserved" ? (before.reservedFor ?? world.cast.otto.id) : null);
    expect(await kindsOf(world.db, before.id)).toHaveLength(kinds.length + 1);
  });

  test(`${status === "available" || status === "reserved" ? "may" : "may not"} be edited`, async () => {
    const listing = await listingIn(world, world.cast, status);
    const edit = updateListing(world.db, world.cast.sol, listing, { ...someStock(), title: "Edited" });
    if (status === "available" || status === "reserved") {
      await edit;
      expect(await now(world.db, listing.id)).toMatchObject({
        title: "Edited",
        status,
        reservedFor: listing.reservedFor,
      });
    } else {
      await expect(edit).rejects.toThrow(`This listing is ${status} now, so it cannot be edited.`);
      expect((await now(world.db, listing.id)).title).toBe(listing.title);
    }
  });
});

test("the refusal says how the listing stands and which one it is", async () => {
  const sold = await listingIn(world, world.cast, "sold");
  const error: unknown = await take("withdraw", sold).catch((reason) => reason);
  expect(error).toMatchObject({
    status: 409,
    listingId: sold.id,
    message: "This listing is sold now, so it cannot be withdrawn.",
  });
});
