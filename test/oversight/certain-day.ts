import { randomUUID } from "node:crypto";
import type { Request } from "express";
import { sql } from "kysely";
import type { Viewer } from "../../src/access.ts";
import { changeRole, reinstate, suspend } from "../../src/accounts/people.ts";
import type { AnnouncedTo, EventKind } from "../../src/events/catalogue.ts";
import { warnOfExpiry } from "../../src/marketplace/ending.ts";
import { enquire, reply } from "../../src/marketplace/enquiries.ts";
import { extendReservation } from "../../src/marketplace/extension.ts";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { updateListing } from "../../src/marketplace/publishing.ts";
import { expireReservation, releaseListing, reserveListing, sellListing } from "../../src/marketplace/reservations.ts";
import { unwatchListing, watchListing } from "../../src/marketplace/watches.ts";
import { relistListing, withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { beginToSend } from "../../src/notifications/announcements.ts";
import { kinds } from "../../src/notifications/kinds.ts";
import { muteListing, unmuteListing } from "../../src/notifications/mutes.ts";
import { chooseShown, type Shown } from "../../src/notifications/preferences.ts";
import { createPerson, publishedListing } from "../cast.ts";
import type { World } from "../world.ts";
import { later } from "./later.ts";

const NAMES = [
  ...["watcher", "asker", "muting", "unmuted", "off", "on", "inbox", "quiet", "stopped"],
  ...["suspended", "back", "turned", "holder", "late"],
] as const;
type People = Record<(typeof NAMES)[number], Viewer>;
type Scene = { world: World; people: People; id: number };

/**
 * A day on which every rule of who is told has its case and its counter-case: every kind of event, while each of a dozen
 * people stands to the listing in another way, and afterwards each in yet another.
 */
export async function certainDay(world: World): Promise<void> {
  const people = {} as People;
  for (const name of NAMES) people[name] = await createPerson(world.db, { role: "buyer" });
  const { id } = await publishedListing(world.db, world.cast.sol);
  const scene = { world, people, id };
  await begin(scene);
  await stand(scene);
  await trade(scene);
  await turn(scene);
}

async function begin({ world, people, id }: Scene): Promise<void> {
  const { db, cast } = world;
  const { asker, late, ...watching } = people;
  for (const person of Object.values(watching)) await watchListing(db, person, id);
  for (const person of [asker, people.muting, people.holder, people.turned])
    await enquire(db, person, id, "Still there?");
  await told(world);
  await edit(world, cast.ada, id);
  await told(world);
}

/** Some stand so from now on, some did and do not any more by the time of what follows. */
async function stand({ world, people, id }: Scene): Promise<void> {
  const { db, cast } = world;
  for (const person of [people.muting, people.unmuted, people.holder, cast.sol]) await muteListing(db, person.id, id);
  for (const person of [people.off, people.on, people.holder]) await choose(world, person, "off");
  for (const person of [people.inbox, people.quiet]) await choose(world, person, "inbox");
  await chooseShown(db, cast.rita.id, "announcement", "off");
  await unwatchListing(db, people.stopped, id);
  for (const person of [people.suspended, people.back]) await suspend(by(world), about(person));
  await later(db, 3);
  await unmuteListing(db, people.unmuted.id, id);
  await choose(world, people.on, "toast");
  await reinstate(by(world), about(people.back));
  await later(db, 3);
}

async function trade({ world, people, id }: Scene): Promise<void> {
  const { db, cast } = world;
  const { sol, ada } = cast;
  const reserve = async (actor: Viewer, buyer: Viewer) =>
    reserveListing(db, actor, await now(world, id), { buyerId: buyer.id, hours: 5 });
  const deeds = [
    () => edit(world, sol, id),
    () => edit(world, ada, id),
    () => reserve(sol, people.turned),
    () => changeRole(by(world), about(people.turned), "seller"),
    () => edit(world, ada, id),
    () => answer(world, sol, people.turned, id),
    async () => extendReservation(db, ada, await now(world, id), 1),
    () => changeRole(by(world), about(people.turned), "buyer"),
    () => onReservation(world, id, "warn_at", warnOfExpiry),
    () => onReservation(world, id, "expires_at", expireReservation),
    () => reserve(ada, people.holder),
    async () => extendReservation(db, sol, await now(world, id), 1),
    () => onReservation(world, id, "warn_at", warnOfExpiry),
    async () => releaseListing(db, ada, await now(world, id)),
    () => reserve(sol, people.holder),
    () => changeRole(by(world), about(sol), "buyer"),
    async () => withdrawListing(db, ada, await now(world, id)),
    () => changeRole(by(world), about(sol), "seller"),
    async () => relistListing(db, ada, await now(world, id)),
    () => answer(world, sol, people.asker, id),
    () => answer(world, people.asker, people.asker, id),
    () => answer(world, sol, people.muting, id),
    () => answer(world, people.muting, people.muting, id),
    () => reserve(ada, people.holder),
    async () => sellListing(db, ada, await now(world, id)),
    () => announce(world, "seller"),
    () => announce(world, "buyer"),
    () => changeRole(by(world), about(people.turned), "seller"),
    () => announce(world, "everybody"),
    () => changeRole(by(world), about(people.turned), "buyer"),
  ];
  for (const deed of deeds) {
    await deed();
    await told(world);
  }
}

/** Nobody stands any more as they did, so that only what was kept of the past says how it was. */
async function turn({ world, people, id }: Scene): Promise<void> {
  const { db } = world;
  await unwatchListing(db, people.watcher, id);
  for (const person of [people.stopped, people.late]) await watchListing(db, person, id);
  for (const person of [people.muting, people.holder, world.cast.sol]) await unmuteListing(db, person.id, id);
  await muteListing(db, people.back.id, id);
  await choose(world, people.off, "inbox");
  await choose(world, people.inbox, "off");
  await choose(world, people.on, "off");
  await reinstate(by(world), about(people.suspended));
  await suspend(by(world), about(people.back));
  await later(db, 3);
}

/** Whatever has happened is told, and then some time passes. */
async function told(world: World): Promise<void> {
  await later(world.db, 3);
  await world.drain();
  await later(world.db, 3);
}

async function now({ db }: World, id: number): Promise<ListingView> {
  const [listing] = await findListings(db, [id]);
  if (!listing) throw new Error("the listing is gone");
  return listing;
}

async function edit(world: World, actor: Viewer, id: number): Promise<void> {
  const listing = await now(world, id);
  const { title, description, category, quantity, unit, priceMinor, currency, location } = listing;
  const said = { title, description, category, quantity, unit, priceMinor, currency, location };
  await updateListing(world.db, actor, listing, { ...said, quantity: quantity + 1 });
}

/** Whoever signs up after it was sent is not told. */
async function announce({ db, cast }: World, to: AnnouncedTo): Promise<void> {
  const said = { to, title: "Maintenance", text: "On Sunday evening.", token: randomUUID() };
  await db.transaction().execute((trx) => beginToSend(trx, cast.ada, said));
  for (const role of ["buyer", "seller"] as const) await createPerson(db, { role });
}

async function answer({ db }: World, author: Viewer, asker: Viewer, listingId: number): Promise<void> {
  const thread = await db
    .selectFrom("enquiries")
    .select("id")
    .where("listing_id", "=", listingId)
    .where("buyer_id", "=", asker.id)
    .executeTakeFirstOrThrow();
  await reply(db, author, thread.id, "It is so.");
}

async function choose({ db }: World, person: Viewer, shown: Shown): Promise<void> {
  for (const kind of Object.keys(kinds) as EventKind[]) await chooseShown(db, person.id, kind, shown);
}

/** The time of a reservation has come. */
async function onReservation(
  { db }: World,
  listingId: number,
  column: "warn_at" | "expires_at",
  act: (db: World["db"], id: number) => Promise<void>,
): Promise<void> {
  const { id } = await db
    .updateTable("reservations")
    .set({ [column]: sql<Date>`clock_timestamp()` })
    .where("listing_id", "=", listingId)
    .where("ended_at", "is", null)
    .returning("id")
    .executeTakeFirstOrThrow();
  await act(db, id);
}

function by({ db, cast }: World) {
  return { db, admin: cast.ada, req: { ip: "192.0.2.1", id: "a test" } as unknown as Request };
}

function about({ id }: Viewer) {
  return { userId: id, reason: "A test" };
}
