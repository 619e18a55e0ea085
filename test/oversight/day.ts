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
import { later } from "./later.ts";

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

type Crowd = { buyers: Viewer[]; sellers: Viewer[]; listings: number[] };

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

/** One of several by chance; of none nothing, whatever the type says. */
type Pick = <T>(from: readonly T[]) => T;

/** Something that people do, by the real actions; what the rules of the market refuse is not done. */
type Deed = (world: World, crowd: Crowd, pick: Pick) => Promise<void>;

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
  watch,
  watch,
  async ({ db }, _crowd, pick) => {
    const watched = pick(await db.selectFrom("watches").selectAll().orderBy("user_id").orderBy("listing_id").execute());
    if (watched) await unwatchListing(db, { id: watched.user_id, role: "buyer" }, watched.listing_id);
  },
  async ({ db }, crowd, pick) => void (await muteListing(db, anybody(crowd, pick), pick(crowd.listings))),
  async ({ db }, _crowd, pick) => {
    const muted = pick(await db.selectFrom("mutes").selectAll().orderBy("user_id").orderBy("listing_id").execute());
    if (muted) await unmuteListing(db, muted.user_id, muted.listing_id);
  },
  async ({ db }, crowd, pick) => {
    await chooseShown(db, anybody(crowd, pick), pick(Object.keys(kinds) as EventKind[]), pick(SHOWN));
  },
  async ({ db }, _crowd, pick) => {
    const choices = db.selectFrom("kind_preferences").select(["user_id", "kind"]);
    const chosen = pick(await choices.orderBy("user_id").orderBy("kind").execute());
    if (chosen) await chooseShown(db, chosen.user_id, chosen.kind, pick(SHOWN));
  },
  (world, crowd, pick) => measure(world, anybody(crowd, pick), pick),
];

async function watch({ db }: World, { buyers, listings }: Crowd, pick: Pick): Promise<void> {
  await watchListing(db, pick(buyers), pick(listings));
}

function anybody({ buyers, sellers }: Crowd, pick: Pick): number {
  return pick([...buyers, ...sellers]).id;
}

/** The owner acts, or an admin: but nobody who cannot sign in, or is no seller at the time. */
async function act(
  { db, cast }: World,
  { listings, sellers }: Crowd,
  pick: Pick,
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

async function edit({ db }: World, actor: Viewer, listing: ListingView, pick: Pick): Promise<void> {
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

async function ask({ db }: World, { buyers, listings }: Crowd, pick: Pick): Promise<void> {
  const buyer = await asTheyAre(db, pick(buyers));
  if (buyer?.role === "buyer") await enquire(db, buyer, pick(listings), `Is it still there? ${nextNumber()}`);
}

async function answer({ db }: World, crowd: Crowd, pick: Pick): Promise<void> {
  const threads = await db.selectFrom("enquiries").select("id").orderBy("id").execute();
  const author = await asTheyAre(db, pick([...crowd.buyers, ...crowd.sellers]));
  if (author && threads.length > 0) await reply(db, author, pick(threads).id, `It is so, ${nextNumber()}`);
}

/** Suspended, let in again, or of another role: whichever is possible. */
async function measure({ db, cast }: World, userId: number, pick: Pick): Promise<void> {
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
  const pick: Pick = <T>(from: readonly T[]) => from[Math.floor(chance() * from.length)] as T;
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
