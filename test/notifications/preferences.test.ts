import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { findEvent } from "../../src/events/log.ts";
import { enquire, reply } from "../../src/marketplace/enquiries.ts";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { reserveListing, sellListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { verdictsOn } from "../../src/notifications/audience.ts";
import { readAfter } from "../../src/notifications/inbox.ts";
import { kinds, optionalKinds } from "../../src/notifications/kinds.ts";
import { muteListing, unmuteListing } from "../../src/notifications/mutes.ts";
import { chooseShown, type Preferences, type Shown, savePreferences } from "../../src/notifications/preferences.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { createWorld, type World } from "../world.ts";

const NONE: Preferences = { shown: {}, quietFrom: null, quietTo: null, timeZone: "UTC", keepToasts: false };
const NIGHT = { quietFrom: "22:30", quietTo: "01:30" };
const NOON = { quietFrom: "11:30", quietTo: "14:30" };

let world: World;
let listing: ListingView;
let wanda: Viewer;
let bert: Viewer;
let otto: Viewer;
let thread: number;

beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

// Wanda watches, Otto asked, and it is reserved for Bert, who watches and asked as well. All have been told of that.
beforeEach(async () => {
  const { db, cast } = world;
  listing = await publishedListing(db, cast.sol);
  [wanda, bert, otto] = await Promise.all([newBuyer(), newBuyer(), newBuyer()]);
  for (const watcher of [wanda, bert]) await watchListing(db, watcher, listing.id);
  await enquire(db, bert, listing.id, "Is it mine?");
  thread = await enquire(db, otto, listing.id, "Is it still there?");
  await reserveListing(db, cast.sol, listing, { buyerId: bert.id, hours: 24 });
  await world.drain();
});

function newBuyer(): Promise<Viewer> {
  return createPerson(world.db, { role: "buyer" });
}

function sell(): Promise<unknown> {
  return sellListing(world.db, world.cast.sol, { id: listing.id, version: 2 });
}

/** Who would be told of the last event by now, why, and whether without a toast. */
async function told(): Promise<Record<string, string>> {
  const { db, cast } = world;
  const { id } = await db.selectFrom("events").select("id").orderBy("id", "desc").limit(1).executeTakeFirstOrThrow();
  const event = await findEvent(db, id);
  if (!event) throw new Error("nothing has happened");
  const { rows } = await verdictsOn(event).execute(db);
  const names = new Map(Object.entries({ ...cast, wanda, bert, otto }).map(([name, person]) => [person.id, name]));
  return Object.fromEntries(
    rows
      .filter(({ why }) => why === null)
      .map((row) => [names.get(row.user_id), row.quiet ? `${row.reason}, quietly` : row.reason]),
  );
}

/** A time zone in which it is this hour at present, by the database's clock. */
async function zoneWhereItIs(hour: number): Promise<string> {
  const { rows } = await sql<{ utc: number }>`select extract(hour from now() at time zone 'UTC')::int as utc`.execute(
    world.db,
  );
  const ahead = ((hour - (rows[0]?.utc ?? 0) + 36) % 24) - 12;
  return ahead === 0 ? "Etc/GMT" : `Etc/GMT${ahead > 0 ? "-" : "+"}${Math.abs(ahead)}`;
}

const everybody = { bert: "reserved_for_you", otto: "your_enquiry", wanda: "watching" };

test("a kind that is off is not told to whoever switched it off; others are told of it, until it is switched on again", async () => {
  const { db } = world;
  await chooseShown(db, wanda.id, "listing_sold", "off");
  await sell();
  const { wanda: _, ...others } = everybody;
  expect(await told()).toEqual(others);
  await chooseShown(db, wanda.id, "listing_sold", "toast");
  expect(await told()).toEqual(everybody);
  await chooseShown(db, wanda.id, "listing_reserved", "off");
  expect(await told()).toEqual(everybody);
});

test("what is off is not stored in that inbox when it is delivered, and in the others it is", async () => {
  const { db } = world;
  const kindsIn = async ({ id }: Viewer) => (await readAfter(db, id, 0, 99)).map(({ event }) => event.kind);
  await savePreferences(db, wanda.id, { ...NONE, shown: { listing_sold: "off" } });
  await sell();
  await world.drain();
  expect(await kindsIn(wanda)).toEqual(["listing_reserved"]);
  expect(await kindsIn(otto)).toEqual(["listing_reserved", "listing_sold"]);
});

test("a kind that is for the inbox only is told quietly, and to others with a toast", async () => {
  await chooseShown(world.db, wanda.id, "listing_sold", "inbox");
  await sell();
  expect(await told()).toEqual({ ...everybody, wanda: "watching, quietly" });
});

test("what happens to a muted listing is not told to whoever muted it; others are told, and of other listings so is that person", async () => {
  const { db, cast } = world;
  await muteListing(db, wanda.id, listing.id);
  await muteListing(db, otto.id, listing.id);
  await sell();
  expect(await told()).toEqual({ bert: "reserved_for_you" });
  await unmuteListing(db, otto.id, listing.id);
  expect(await told()).toEqual({ bert: "reserved_for_you", otto: "your_enquiry" });
  const other = await publishedListing(db, cast.sol);
  await watchListing(db, wanda, other.id);
  await reserveListing(db, cast.sol, other, { buyerId: otto.id, hours: 1 });
  expect(await told()).toEqual({ otto: "reserved_for_you", wanda: "watching" });
});

test("the messages of one's own conversation about a muted listing still come, unless replies are off", async () => {
  const { db, cast } = world;
  await muteListing(db, otto.id, listing.id);
  await reply(db, cast.sol, thread, "It is reserved.");
  expect(await told()).toEqual({ otto: "your_enquiry" });
  await chooseShown(db, otto.id, "enquiry_replied", "off");
  expect(await told()).toEqual({});
});

test("what concerns one's own reservation is told with a toast whatever is off or muted; as a mere watcher one is spared", async () => {
  const { db, cast } = world;
  const off = Object.fromEntries(optionalKinds("buyer").map(({ kind }) => [kind, "off" as Shown]));
  for (const person of [bert, wanda]) {
    await savePreferences(db, person.id, { ...NONE, shown: off });
    await muteListing(db, person.id, listing.id);
  }
  await sell();
  expect(await told()).toEqual({ bert: "reserved_for_you", otto: "your_enquiry" });
  const other = await publishedListing(db, cast.sol);
  await watchListing(db, bert, other.id);
  await reserveListing(db, cast.sol, other, { buyerId: otto.id, hours: 1 });
  expect(await told()).toEqual({ otto: "reserved_for_you" });
});

test.each(["toast", "inbox", "off"] as Shown[])(
  "no mix with '%s' loses what concerns one's own reservation",
  async (shown) => {
    const { db } = world;
    await sell();
    const all = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, shown]));
    for (const hours of [{}, NIGHT, NOON]) {
      for (const muted of [true, false]) {
        await savePreferences(db, bert.id, { ...NONE, ...hours, shown: all });
        await (muted ? muteListing : unmuteListing)(db, bert.id, listing.id);
        expect((await told())["bert"]).toMatch(/^reserved_for_you/);
      }
    }
  },
);

test.each([
  [23, NIGHT, true],
  [0, NIGHT, true],
  [12, NIGHT, false],
  [12, NOON, true],
  [23, NOON, false],
  [0, NOON, false],
])("at %i o'clock in one's own time zone quiet hours %o hold toasts back: %s", async (hour, hours, quiet) => {
  const timeZone = await zoneWhereItIs(hour);
  for (const person of [wanda, bert]) await savePreferences(world.db, person.id, { ...NONE, ...hours, timeZone });
  await sell();
  const quietly = quiet ? ", quietly" : "";
  expect(await told()).toEqual({
    bert: `reserved_for_you${quietly}`,
    otto: "your_enquiry",
    wanda: `watching${quietly}`,
  });
});
