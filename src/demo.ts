import { type Kysely, sql } from "kysely";
import type { Viewer } from "./access.ts";
import { hashPassword } from "./accounts/passwords.ts";
import { createUser } from "./accounts/users.ts";
import { createDb, createPool, type Database, type Db, type Role } from "./db.ts";
import { ageDemo } from "./demo-age.ts";
import { ritasStock, solsStock } from "./demo-stock.ts";
import { NotFoundError } from "./errors.ts";
import { type LoggedEvent, readEvents } from "./events/log.ts";
import type { Target } from "./marketplace/change.ts";
import { enquire, reply } from "./marketplace/enquiries.ts";
import type { ListingInput } from "./marketplace/listing-form.ts";
import { findListings, type ListingView } from "./marketplace/listings.ts";
import { publishListing, updateListing } from "./marketplace/publishing.ts";
import { reserveListing, sellListing } from "./marketplace/reservations.ts";
import { markThreadSeen } from "./marketplace/seen.ts";
import { watchListing } from "./marketplace/watches.ts";
import { withdrawListing } from "./marketplace/withdrawal.ts";
import { readAfter } from "./notifications/inbox.ts";
import { archive, markRead } from "./notifications/marks.ts";
import { muteListing } from "./notifications/mutes.ts";
import { savePreferences } from "./notifications/preferences.ts";
import { store } from "./notifications/store.ts";
import { configOrExit, fatal } from "./process.ts";

export const DEMO_PASSWORD = "ring-the-bell";

/** The people of the demo and of the tests. */
export const demoPeople = {
  bea: { email: "bea@demo.test", name: "Bea Brandt", company: "Brandt Bau", role: "buyer" },
  otto: { email: "otto@demo.test", name: "Otto Olsen", company: "Olsen Works", role: "buyer" },
  sol: { email: "sol@demo.test", name: "Sol Serrano", company: "Serrano Metals", role: "seller" },
  rita: { email: "rita@demo.test", name: "Rita Rossi", company: "Rossi Supply", role: "seller" },
  ada: { email: "ada@demo.test", name: "Ada Adeyemi", company: "Stockbell", role: "admin" },
} as const satisfies Record<string, { email: string; name: string; company: string; role: Role }>;

export type DemoPeople = Record<keyof typeof demoPeople, Viewer>;

/**
 * Fills an empty database with the demo people and what they did, by the real actions: their events and jobs are there,
 * and the notifications follow as soon as a worker runs.
 * @throws Error when there are people already
 */
export async function seedDemo(db: Kysely<Database>): Promise<void> {
  const somebody = await db.selectFrom("users").select("id").limit(1).executeTakeFirst();
  if (somebody) throw new Error("there are people in this database already, and demo people join nobody");
  const people = await createDemoPeople(db, await hashPassword(DEMO_PASSWORD));
  const sols = await publishAll(db, people.sol, solsStock);
  const ritas = await publishAll(db, people.rita, ritasStock);
  await watch(db, people, sols, ritas);
  await talk(db, people, sols, ritas);
  await trade(db, people, sols, ritas);
  await deliverAll(db);
  await ageDemo(db);
  await tidyUp(db, people, ritas);
}

/** Creates the demo people, each with an empty inbox. */
export async function createDemoPeople(db: Db, passwordHash: string): Promise<DemoPeople> {
  const created: [string, Viewer][] = [];
  for (const [name, person] of Object.entries(demoPeople)) {
    created.push([name, await createUser(db, { ...person, passwordHash })]);
  }
  return Object.fromEntries(created) as DemoPeople;
}

/** The id of a seller's listing by how its title begins. */
type Shelf = (beginning: string) => number;

async function publishAll(db: Kysely<Database>, seller: Viewer, stock: ListingInput[]): Promise<Shelf> {
  const ids = new Map<string, number>();
  for (const input of stock) ids.set(input.title, await publishListing(db, seller, input));
  return (beginning) => {
    for (const [title, id] of ids) if (title.startsWith(beginning)) return id;
    throw new Error(`the demo has no ${beginning}`);
  };
}

async function watch(db: Db, { bea, otto }: DemoPeople, sols: Shelf, ritas: Shelf): Promise<void> {
  const beas = [
    sols("Copper"),
    sols("Hot-rolled"),
    sols("Brass"),
    sols("Zinc"),
    ritas("LED"),
    ritas("Stretch"),
    ritas("Birch"),
  ];
  const ottos = [sols("Copper"), sols("Rebar"), sols("Titanium"), ritas("Spruce"), ritas("LED"), ritas("Copy paper")];
  for (const id of beas) await watchListing(db, bea, id);
  for (const id of ottos) await watchListing(db, otto, id);
}

async function talk(db: Kysely<Database>, people: DemoPeople, sols: Shelf, ritas: Shelf): Promise<void> {
  const { bea, otto, sol, rita } = people;
  const copper = await enquire(
    db,
    bea,
    sols("Copper"),
    "Hello, could you deliver 25 t to Hamburg in the second week of December?\nWe would need the assay certificate with the offer.",
  );
  await reply(
    db,
    sol,
    copper,
    "Good morning. Yes, by truck within two days of payment. The certificate comes with the offer this afternoon.",
  );
  await reply(db, bea, copper, "Perfect. We pay at 30 days: is that possible for the first lot, too?");
  const panels = await enquire(db, bea, ritas("LED"), "Are the drivers dimmable (DALI)? We would take 600.");
  await reply(db, rita, panels, "They switch only. I can offer 600 with DALI drivers at 14.20 each, ex works.");
  await seeAll(db, bea, panels);
  await seeAll(db, sol, copper);
  const rebar = await enquire(
    db,
    otto,
    sols("Rebar"),
    "How bad is the rust film? Photos of two or three bundles would help.",
  );
  await dateBack(db, rebar, 26);
  await enquire(db, otto, ritas("HDPE"), "Which colours does the off-grade come in?");
}

async function seeAll(db: Kysely<Database>, reader: Viewer, thread: number): Promise<void> {
  await markThreadSeen(db, reader, thread, Number.MAX_SAFE_INTEGER);
}

// Somebody who has waited for long, so that a seller's list has an order to be seen.
async function dateBack(db: Db, thread: number, hours: number): Promise<void> {
  const then = sql<Date>`now() - ${hours} * interval '1 hour'`;
  await db.updateTable("messages").set({ sent_at: then }).where("enquiry_id", "=", thread).execute();
  const dates = { created_at: then, last_message_at: then, waiting_since: then, moved_at: then };
  await db.updateTable("enquiries").set(dates).where("id", "=", thread).execute();
  await db.updateTable("events").set({ occurred_at: then }).where("enquiry_id", "=", thread).execute();
}

async function trade(db: Kysely<Database>, people: DemoPeople, sols: Shelf, ritas: Shelf): Promise<void> {
  const { bea, otto, sol, rita } = people;
  for (const priceMinor of [8_580_00, 8_595_00, 8_540_00]) await edit(db, sol, sols("Copper"), { priceMinor });
  await edit(db, rita, ritas("LED"), { quantity: 1900 });
  await reserveListing(db, sol, await targetOf(db, sols("Brass")), { buyerId: bea.id, hours: 72 });
  await reserveListing(db, rita, await targetOf(db, ritas("Birch")), { buyerId: bea.id, hours: 1 });
  await reserveListing(db, rita, await targetOf(db, ritas("Spruce")), { buyerId: otto.id, hours: 48 });
  await reserveListing(db, sol, await targetOf(db, sols("Titanium")), { buyerId: otto.id, hours: 24 });
  await sellListing(db, sol, await targetOf(db, sols("Titanium")));
  await withdrawListing(db, rita, await targetOf(db, ritas("Copy paper")));
}

/** Here and not by the worker, so that there are notifications to read and to archive. */
async function deliverAll(db: Kysely<Database>): Promise<void> {
  const events = await readEvents(db).orderBy("events.id").execute();
  for (const event of events as LoggedEvent[]) await db.transaction().execute((trx) => store(trx, event));
}

/** What people have done with their inboxes, and how they want to be told: nothing that would keep a toast from anybody. */
async function tidyUp(db: Kysely<Database>, { bea, otto, rita }: DemoPeople, ritas: Shelf): Promise<void> {
  const [first, second] = (await readAfter(db, bea.id, 0, 2)).map(({ seq }) => seq);
  if (first && second) {
    await archive(db, bea.id, first, true);
    await markRead(db, bea.id, second, true);
  }
  await muteListing(db, otto.id, ritas("Copy paper"));
  const times = { quietFrom: null, quietTo: null, timeZone: "Europe/Rome" };
  await savePreferences(db, rita.id, { ...times, keepToasts: true, shown: {} });
}

async function edit(db: Kysely<Database>, seller: Viewer, id: number, edits: Partial<ListingInput>): Promise<void> {
  const { title, description, category, quantity, unit, priceMinor, currency, location } = await getNow(db, id);
  const said = { title, description, category, quantity, unit, priceMinor, currency, location };
  await updateListing(db, seller, await targetOf(db, id), { ...said, ...edits });
}

async function targetOf(db: Db, id: number): Promise<Target> {
  const { version } = await getNow(db, id);
  return { id, version };
}

async function getNow(db: Db, id: number): Promise<ListingView> {
  const [listing] = await findListings(db, [id]);
  if (!listing) throw new NotFoundError();
  return listing;
}

async function main(): Promise<void> {
  const db = createDb(createPool(configOrExit("seed"), 4));
  try {
    await seedDemo(db);
  } finally {
    await db.destroy();
  }
  console.log(`The demo people and their stock are there; everybody's password is ${DEMO_PASSWORD}.`);
}

if (import.meta.main) main().catch((error) => fatal("The demo cannot be put there", error));
