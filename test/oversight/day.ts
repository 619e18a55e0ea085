import type { Request } from "express";
import { sql } from "kysely";
import type { Viewer } from "../../src/access.ts";
import { changeRole, reinstate, suspend } from "../../src/accounts/people.ts";
import type { Db, Role } from "../../src/db.ts";
import { ConflictError, InvalidError, NotFoundError } from "../../src/errors.ts";
import type { EventKind } from "../../src/events/catalogue.ts";
import { warnOfExpiry } from "../../src/marketplace/ending.ts";
import { enquire, reply } from "../../src/marketplace/enquiries.ts";
import { extendReservation } from "../../src/marketplace/extension.ts";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { updateListing } from "../../src/marketplace/publishing.ts";
import { expireReservation, releaseListing, reserveListing, sellListing } from "../../src/marketplace/reservations.ts";
import { unwatchListing, watchListing } from "../../src/marketplace/watches.ts";
import { relistListing, withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { kinds } from "../../src/notifications/kinds.ts";
import { muteListing, unmuteListing } from "../../src/notifications/mutes.ts";
import { chooseShown, type Shown } from "../../src/notifications/preferences.ts";
import { createPerson, publishedListing } from "../cast.ts";
import type { World } from "../world.ts";

/** Numbers between 0 and 1 by chance, the same for the same seed (mulberry32). */
function chanceOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Lets a time pass for everything that a proof looks at, so that what is done next is done that much later. */
export async function later(db: Db, minutes: number): Promise<void> {
  const by = sql`${minutes}::int * interval '1 minute'`;
  await sql`update events set occurred_at = occurred_at - ${by}, delivered_at = delivered_at - ${by}`.execute(db);
  await sql`update notifications set created_at = created_at - ${by}`.execute(db);
  await sql`update watches set created_at = created_at - ${by}`.execute(db);
  await sql`update mutes set created_at = created_at - ${by}`.execute(db);
  await sql`update enquiries set created_at = created_at - ${by}`.execute(db);
  await sql`update kind_preferences set since = since - ${by}`.execute(db);
  await sql`update past_states set since = since - ${by}, until = until - ${by}`.execute(db);
  await sql`update past_kept set since = since - ${by}`.execute(db);
  await sql`update reservations set reserved_at = reserved_at - ${by}, ended_at = ended_at - ${by}`.execute(db);
}

export type Crowd = { buyers: Viewer[]; sellers: Viewer[]; listings: number[] };

/** Some more buyers and sellers beside the cast, with stock on the market. */
async function createMarket({ db, cast }: World): Promise<Crowd> {
  const buyers = [cast.bea, cast.otto];
  for (let more = 0; more < 8; more += 1) buyers.push(await createPerson(db, { role: "buyer" }));
  const sellers = [cast.sol, cast.rita, await createPerson(db, { role: "seller" })];
  const listings: number[] = [];
  for (let more = 0; more < 9; more += 1) {
    const seller = sellers[more % 3] as Viewer;
    listings.push((await publishedListing(db, seller)).id);
  }
  return { buyers, sellers, listings };
}

/**
 * Something that people do, by the real actions; what the rules of the market refuse is not done.
 * @param pick one of several by chance
 */
type Deed = (world: World, crowd: Crowd, pick: <T>(from: readonly T[]) => T) => Promise<void>;

async function attempt(deed: Deed, ...[world, crowd, pick]: Parameters<Deed>): Promise<boolean> {
  try {
    await deed(world, crowd, pick);
    return true;
  } catch (error) {
    if (error instanceof ConflictError || error instanceof NotFoundError || error instanceof InvalidError) return false;
    throw error;
  }
}

const SHOWN: Shown[] = ["off", "off", "inbox", "toast"];

/** What makes news of a listing, by its owner, by an admin, or by the clock. */
const news: Deed[] = [
  (world, crowd, pick) => act(world, crowd, pick, (listing, actor) => edit(world, actor, listing, pick)),
  (world, crowd, pick) => act(world, crowd, pick, (listing, actor) => edit(world, actor, listing, pick)),
  (world, crowd, pick) =>
    act(world, crowd, pick, (listing, actor) => reserve(world, actor, listing, pick(crowd.buyers))),
  (world, crowd, pick) =>
    act(world, crowd, pick, (listing, actor) => reserve(world, actor, listing, pick(crowd.buyers))),
  (world, crowd, pick) =>
    act(world, crowd, pick, (listing, actor) => reserve(world, actor, listing, pick(crowd.buyers))),
  (world, crowd, pick) => act(world, crowd, pick, (listing, actor) => extendReservation(world.db, actor, listing, 1)),
  (world, crowd, pick) => act(world, crowd, pick, (listing, actor) => releaseListing(world.db, actor, listing)),
  (world, crowd, pick) => act(world, crowd, pick, (listing, actor) => sell(world, actor, listing, crowd)),
  (world, crowd, pick) => act(world, crowd, pick, (listing, actor) => withdrawListing(world.db, actor, listing)),
  (world, crowd, pick) => act(world, crowd, pick, (listing, actor) => relistListing(world.db, actor, listing)),
  (world, crowd, pick) => act(world, crowd, pick, (listing) => warn(world, listing.id)),
  (world, crowd, pick) => act(world, crowd, pick, (listing) => runOut(world, listing.id)),
  ask,
  ask,
  answer,
  answer,
];

/** What changes who is told. */
const changes: Deed[] = [
  async ({ db }, { buyers, listings }, pick) => void (await watchListing(db, pick(buyers), pick(listings))),
  async ({ db }, { buyers, listings }, pick) => void (await watchListing(db, pick(buyers), pick(listings))),
  async ({ db }, { buyers, listings }, pick) => void (await watchListing(db, pick(buyers), pick(listings))),
  async ({ db }, { buyers, listings }, pick) => void (await unwatchListing(db, pick(buyers), pick(listings))),
  async ({ db }, crowd, pick) => void (await muteListing(db, anybody(crowd, pick), pick(crowd.listings))),
  async ({ db }, crowd, pick) => void (await unmuteListing(db, anybody(crowd, pick), pick(crowd.listings))),
  async ({ db }, crowd, pick) => {
    const kind = pick(Object.keys(kinds) as EventKind[]);
    await chooseShown(db, anybody(crowd, pick), kind, pick(SHOWN));
  },
  (world, crowd, pick) => measure(world, anybody(crowd, pick), pick),
];

function anybody({ buyers, sellers }: Crowd, pick: Parameters<Deed>[2]): number {
  return pick([...buyers, ...sellers]).id;
}

/** The owner acts, or an admin: but nobody who cannot sign in, or is no seller at the time. */
async function act(
  { db, cast }: World,
  { listings, sellers }: Crowd,
  pick: Parameters<Deed>[2],
  deed: (listing: ListingView, actor: Viewer) => Promise<unknown>,
): Promise<void> {
  const [listing] = await findListings(db, [pick(listings)]);
  const owner = sellers.find(({ id }) => id === listing?.sellerId);
  const present = owner && (await asTheyAre(db, owner));
  const actor = present?.role === "seller" && pick([true, true, false]) ? present : cast.ada;
  if (listing) await deed(listing, actor);
}

async function asTheyAre(db: Db, person: Viewer): Promise<Viewer | undefined> {
  const row = await db.selectFrom("users").select(["role", "status"]).where("id", "=", person.id).executeTakeFirst();
  return row?.status === "active" ? { ...person, role: row.role } : undefined;
}

async function edit({ db }: World, actor: Viewer, listing: ListingView, pick: Parameters<Deed>[2]): Promise<void> {
  const { title, description, category, quantity, unit, priceMinor, currency, location } = listing;
  const said = { title, description, category, quantity, unit, priceMinor, currency, location };
  const edits = pick([{ priceMinor: priceMinor + 100 }, { quantity: quantity + 1 }, { location: `${location}.` }]);
  await updateListing(db, actor, listing, { ...said, ...edits });
}

function reserve({ db }: World, actor: Viewer, listing: ListingView, buyer: Viewer): Promise<void> {
  return reserveListing(db, actor, listing, { buyerId: buyer.id, hours: 5 });
}

/** What is sold is followed by something new, so that there is always something to trade. */
async function sell({ db }: World, actor: Viewer, listing: ListingView, crowd: Crowd): Promise<void> {
  await sellListing(db, actor, listing);
  const seller = crowd.sellers.find(({ id }) => id === listing.sellerId);
  if (seller) crowd.listings.push((await publishedListing(db, seller)).id);
}

async function warn({ db }: World, listingId: number): Promise<void> {
  await moveEnd(db, listingId, "warn_at");
  await onReservation(db, listingId, (id) => warnOfExpiry(db, id));
}

async function runOut({ db }: World, listingId: number): Promise<void> {
  await moveEnd(db, listingId, "expires_at");
  await onReservation(db, listingId, (id) => expireReservation(db, id));
}

async function moveEnd(db: Db, listingId: number, column: "warn_at" | "expires_at"): Promise<void> {
  await db
    .updateTable("reservations")
    .set({ [column]: sql<Date>`clock_timestamp()` })
    .where("listing_id", "=", listingId)
    .where("ended_at", "is", null)
    .execute();
}

async function onReservation(db: Db, listingId: number, act: (id: number) => Promise<void>): Promise<void> {
  const open = await db
    .selectFrom("reservations")
    .select("id")
    .where("listing_id", "=", listingId)
    .where("ended_at", "is", null)
    .executeTakeFirst();
  if (open) await act(open.id);
}

async function ask({ db }: World, { buyers, listings }: Crowd, pick: Parameters<Deed>[2]): Promise<void> {
  const buyer = await asTheyAre(db, pick(buyers));
  if (buyer?.role === "buyer") await enquire(db, buyer, pick(listings), `Is it still there? ${nextNumber()}`);
}

async function answer({ db }: World, crowd: Crowd, pick: Parameters<Deed>[2]): Promise<void> {
  const threads = await db.selectFrom("enquiries").select("id").orderBy("id").execute();
  const author = await asTheyAre(db, pick([...crowd.buyers, ...crowd.sellers]));
  if (author && threads.length > 0) await reply(db, author, pick(threads).id, `It is so, ${nextNumber()}`);
}

/** Suspended, let in again, or of another role: whichever is possible. */
async function measure({ db, cast }: World, userId: number, pick: Parameters<Deed>[2]): Promise<void> {
  const parts = { db, admin: cast.ada, req: { ip: "192.0.2.1", id: "a test" } as unknown as Request };
  const about = { userId, reason: "A test" };
  const roles: Role[] = ["buyer", "buyer", "seller", "seller", "admin"];
  await pick([
    () => suspend(parts, about),
    () => reinstate(parts, about),
    () => reinstate(parts, about),
    () => changeRole(parts, about, pick(roles)),
  ])();
}

let numbers = 0;

/** The same words again within seconds would be a double click, and no message. */
function nextNumber(): number {
  numbers += 1;
  return numbers;
}

/**
 * A day on which people trade, watch, mute, choose, are suspended and change their roles, by chance. Each change holds for
 * minutes before something happens, but in one round of eight only for moments.
 */
export async function busyDay(world: World, seed: number, rounds: number): Promise<Crowd> {
  const chance = chanceOf(seed);
  const pick = <T>(from: readonly T[]) => from[Math.floor(chance() * from.length)] as T;
  const crowd = await createMarket(world);
  for (let round = 0; round < rounds; round += 1) {
    for (let deed = 0; deed < 4; deed += 1) await oneOf(changes, world, crowd, pick);
    if (round % 8 > 0) await later(world.db, 3);
    for (let deed = 0; deed < 4; deed += 1) await oneOf(news, world, crowd, pick);
    await world.drain();
    await later(world.db, 3);
  }
  return crowd;
}

const TRIES = 6;

async function oneOf(deeds: Deed[], ...given: Parameters<Deed>): Promise<void> {
  for (let tries = 0; tries < TRIES; tries += 1) if (await attempt(given[2](deeds), ...given)) return;
}
