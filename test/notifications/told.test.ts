import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import type { AnnouncedTo } from "../../src/events/catalogue.ts";
import { warnOfExpiry } from "../../src/marketplace/ending.ts";
import { enquire, reply } from "../../src/marketplace/enquiries.ts";
import { extendReservation } from "../../src/marketplace/extension.ts";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { updateListing } from "../../src/marketplace/publishing.ts";
import { expireReservation, releaseListing, reserveListing, sellListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { relistListing, withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { beginToSend } from "../../src/notifications/announcements.ts";
import { readAfter } from "../../src/notifications/inbox.ts";
import { rowFor } from "../../src/notifications/rows.ts";
import { createPerson, publishedListing, someStock } from "../cast.ts";
import { letPass } from "../marketplace/shop.ts";
import { createWorld, type World } from "../world.ts";

let world: World;
let listing: ListingView;
let wanda: Viewer;

beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

// Wanda watches, Otto asked, Bea is the buyer it may be reserved for; Rita is a seller of other things, and nobody here.
beforeEach(async () => {
  const { db, cast } = world;
  listing = await publishedListing(db, cast.sol);
  wanda = await createPerson(db, { role: "buyer" });
  await watchListing(db, wanda, listing.id);
  await enquire(db, cast.otto, listing.id, "Is it still there?");
  await world.drain();
});

/** What each person is told by an act, as "reason: headline"; those who are told nothing are not in it. */
async function toldBy(act: () => Promise<unknown>): Promise<Record<string, string>> {
  const people = { ...world.cast, wanda };
  const before = new Map<string, number>();
  for (const [name, person] of Object.entries(people)) before.set(name, (await newest(person)) ?? 0);
  await act();
  await world.drain();
  const told: Record<string, string> = {};
  for (const [name, person] of Object.entries(people)) {
    const fresh = await readAfter(world.db, person.id, before.get(name) ?? 0, 10);
    if (fresh.length > 0)
      told[name] = fresh.map((notice) => `${notice.reason}: ${rowFor(notice, "en-GB").headline}`).join(" | ");
  }
  return told;
}

async function newest(person: Viewer): Promise<number | undefined> {
  return (await readAfter(world.db, person.id, 0, 1000)).at(-1)?.seq;
}

async function now(): Promise<ListingView> {
  const [found] = await findListings(world.db, [listing.id]);
  if (!found) throw new Error("it is gone");
  return found;
}

async function reservationId(): Promise<number> {
  const query = world.db.selectFrom("reservations").select("id").where("listing_id", "=", listing.id);
  return (await query.executeTakeFirstOrThrow()).id;
}

async function reserve(by: Viewer): Promise<void> {
  await reserveListing(world.db, by, await now(), { buyerId: world.cast.bea.id, hours: 24 });
}

async function reserved(): Promise<void> {
  await reserve(world.cast.sol);
  await world.drain();
}

test("listing_published: nobody is told until there are saved searches", async () => {
  expect(await toldBy(() => publishedListing(world.db, world.cast.sol))).toEqual({});
});

test("listing_updated: watchers and those who asked are told of the net change; the seller and others are not", async () => {
  const { db, cast } = world;
  const told = await toldBy(async () => {
    const input = { ...someStock(), title: "Copper", priceMinor: 800_00, quantity: 1000 };
    await updateListing(db, cast.sol, await now(), input);
  });
  const words = "Serrano Metals lowered the price of Copper";
  expect(told).toEqual({ wanda: `watching: ${words}`, otto: `your_enquiry: ${words}` });
});

test("listing_updated: the buyer it is reserved for is told as such; an admin's edit is told to the seller, not to the admin", async () => {
  const { db, cast } = world;
  await reserved();
  const told = await toldBy(async () => {
    const { title, category, unit, currency, location, quantity, priceMinor } = listing;
    await updateListing(db, cast.ada, await now(), {
      title,
      category,
      unit,
      currency,
      location,
      quantity,
      priceMinor,
      description: "New",
    });
  });
  const words = `Stockbell edited the description of ${listing.title}`;
  expect(told).toEqual({
    bea: `reserved_for_you: ${words}`,
    sol: `your_listing: ${words}`,
    wanda: `watching: ${words}`,
    otto: `your_enquiry: ${words}`,
  });
});

test("listing_reserved: the buyer hears 'for you', the others never who the buyer is; the seller and rivals are not told", async () => {
  const told = await toldBy(() => reserve(world.cast.sol));
  const words = `Serrano Metals reserved ${listing.title}`;
  expect(told).toEqual({
    bea: `reserved_for_you: ${words} for you`,
    wanda: `watching: ${words}`,
    otto: `your_enquiry: ${words}`,
  });
  expect(JSON.stringify([told["wanda"], told["otto"]])).not.toMatch(/Bea|Brandt/);
});

test("reservation_extended: the buyer it is reserved for is told; the seller who did it, watchers, those who asked and rivals are not", async () => {
  await reserved();
  const told = await toldBy(async () => extendReservation(world.db, world.cast.sol, await now(), 24));
  expect(told).toEqual({
    bea: `reserved_for_you: Serrano Metals extended your reservation of ${listing.title}`,
  });
});

test("reservation_extended: the seller is told when an admin did it, and the admin is not", async () => {
  await reserved();
  const told = await toldBy(async () => extendReservation(world.db, world.cast.ada, await now(), 1));
  expect(told).toEqual({
    bea: `reserved_for_you: Stockbell extended your reservation of ${listing.title}`,
    sol: `your_listing: Stockbell extended the reservation of ${listing.title}`,
  });
});

test("reservation_ending: the buyer and the seller are told, and nobody else is", async () => {
  await reserved();
  const told = await toldBy(async () => {
    await letPass(world.db, listing.id, 23);
    await warnOfExpiry(world.db, await reservationId());
  });
  expect(told).toEqual({
    bea: `reserved_for_you: Your reservation of ${listing.title} runs out soon`,
    sol: `your_listing: The reservation of ${listing.title} runs out soon`,
  });
});

test("listing_released: that buyer, watchers and those who asked are told; the seller who did it and rivals are not", async () => {
  await reserved();
  const told = await toldBy(async () => releaseListing(world.db, world.cast.sol, await now()));
  const again = `Serrano Metals made ${listing.title} available again`;
  expect(told).toEqual({
    bea: `your_reservation: Serrano Metals released your reservation of ${listing.title}`,
    wanda: `watching: ${again}`,
    otto: `your_enquiry: ${again}`,
  });
});

test("reservation_expired: the clock did it, so the seller is told too; rivals are not", async () => {
  await reserved();
  const told = await toldBy(async () => {
    await letPass(world.db, listing.id, 24);
    await expireReservation(world.db, await reservationId());
  });
  const again = `The reservation of ${listing.title} ran out`;
  expect(told).toEqual({
    bea: `your_reservation: Your reservation of ${listing.title} ran out`,
    sol: `your_listing: ${again}`,
    wanda: `watching: ${again}`,
    otto: `your_enquiry: ${again}`,
  });
});

test("listing_sold: the buyer, watchers and those who asked are told; the seller who did it is not", async () => {
  await reserved();
  const told = await toldBy(async () => sellListing(world.db, world.cast.sol, await now()));
  const words = `Serrano Metals sold ${listing.title}`;
  expect(told).toEqual({
    bea: `reserved_for_you: ${words} to you`,
    wanda: `watching: ${words}`,
    otto: `your_enquiry: ${words}`,
  });
});

test("listing_sold: the seller is told when an admin did it, and the admin is not", async () => {
  await reserved();
  const told = await toldBy(async () => sellListing(world.db, world.cast.ada, await now()));
  expect(told["sol"]).toBe(`your_listing: Stockbell sold ${listing.title}`);
  expect(told["ada"]).toBeUndefined();
});

test("listing_withdrawn: watchers, those who asked and the buyer it was reserved for are told; rivals are not", async () => {
  await reserved();
  const told = await toldBy(async () => withdrawListing(world.db, world.cast.sol, await now()));
  const words = `Serrano Metals withdrew ${listing.title}`;
  expect(told).toEqual({
    bea: `your_reservation: ${words}`,
    wanda: `watching: ${words}`,
    otto: `your_enquiry: ${words}`,
  });
});

test("listing_relisted: watchers and those who asked hear that it is available again; others do not", async () => {
  await withdrawListing(world.db, world.cast.sol, await now());
  await world.drain();
  const told = await toldBy(async () => relistListing(world.db, world.cast.sol, await now()));
  const words = `Serrano Metals made ${listing.title} available again`;
  expect(told).toEqual({ wanda: `watching: ${words}`, otto: `your_enquiry: ${words}` });
});

test("enquiry_received: the listing's seller is told; every other seller, and whoever asked, is not", async () => {
  const told = await toldBy(() => enquire(world.db, world.cast.bea, listing.id, "How many lots?"));
  expect(told).toEqual({ sol: `your_listing: Bea Brandt asks about ${listing.title}` });
});

test("enquiry_replied: the other party of the thread is told, in both directions; nobody else who asked is", async () => {
  const { db, cast } = world;
  const thread = await enquire(db, cast.bea, listing.id, "How many lots?");
  await world.drain();
  expect(await toldBy(() => reply(db, cast.sol, thread, "Four."))).toEqual({
    bea: `your_enquiry: Sol Serrano replied about ${listing.title}`,
  });
  expect(await toldBy(() => reply(db, cast.bea, thread, "I take two."))).toEqual({
    sol: `your_listing: Bea Brandt replied about ${listing.title}`,
  });
});

const announce = (to: AnnouncedTo) =>
  world.db
    .transaction()
    .execute((trx) =>
      beginToSend(trx, world.cast.ada, { to, title: "A break on Sunday", text: "At eight.", token: randomUUID() }),
    );

test("announcement: those of the role it is for are told; the other role and the admin are not", async () => {
  const words = "Stockbell announces: A break on Sunday";
  const buyers = `announced_to_buyers: ${words}`;
  const sellers = `announced_to_sellers: ${words}`;
  expect(await toldBy(() => announce("buyer"))).toEqual({ bea: buyers, otto: buyers, wanda: buyers });
  expect(await toldBy(() => announce("seller"))).toEqual({ sol: sellers, rita: sellers });
});

test("announcement: what is for everybody is told to both roles, once each, and not to the admin", async () => {
  const told = await toldBy(() => announce("everybody"));
  expect(Object.keys(told).sort()).toEqual(["bea", "otto", "rita", "sol", "wanda"]);
  expect(JSON.stringify(told)).not.toContain("|");
});

test("announcement: somebody suspended is not told", async () => {
  await world.db.updateTable("users").set({ status: "suspended" }).where("id", "=", wanda.id).execute();
  const told = await toldBy(() => announce("buyer"));
  expect(Object.keys(told).sort()).toEqual(["bea", "otto"]);
});

test("a person with several reasons is told once, for the first of them", async () => {
  await watchListing(world.db, world.cast.otto, listing.id);
  await watchListing(world.db, world.cast.bea, listing.id);
  const told = await toldBy(() => reserve(world.cast.sol));
  expect(told["bea"]).toMatch(/^reserved_for_you: [^|]*$/);
  expect(told["otto"]).toMatch(/^your_enquiry: [^|]*$/);
});

test("somebody suspended is not told, somebody reinstated is from then on", async () => {
  const setStatus = (status: "active" | "suspended") =>
    world.db.updateTable("users").set({ status }).where("id", "=", wanda.id).execute();
  await setStatus("suspended");
  expect((await toldBy(() => reserve(world.cast.sol)))["wanda"]).toBeUndefined();
  await setStatus("active");
  expect((await toldBy(async () => releaseListing(world.db, world.cast.sol, await now())))["wanda"]).toBeDefined();
});
