import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { findEvent } from "../../src/events/log.ts";
import { enquire } from "../../src/marketplace/enquiries.ts";
import type { ListingInput } from "../../src/marketplace/listing-form.ts";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { updateListing } from "../../src/marketplace/publishing.ts";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { readHead } from "../../src/notifications/heads.ts";
import { type Notice, readPage } from "../../src/notifications/inbox.ts";
import { archive, markAllRead, markRead, markSeen } from "../../src/notifications/marks.ts";
import { rowFor } from "../../src/notifications/rows.ts";
import { store } from "../../src/notifications/store.ts";
import { createPerson, publishedListing, someStock } from "../cast.ts";
import { createWorld, type World } from "../world.ts";

let world: World;

beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

const ALL = { show: "all", kind: null, listing: null, before: null } as const;

async function now({ id }: Pick<ListingView, "id">): Promise<ListingView> {
  const [found] = await findListings(world.db, [id]);
  if (!found) throw new Error("it is gone");
  return found;
}

/** Sol edits, and it is delivered. */
async function edit(listing: Pick<ListingView, "id">, edits: Partial<ListingInput>): Promise<void> {
  const is = await now(listing);
  const said = Object.fromEntries(Object.keys(someStock()).map((key) => [key, is[key as keyof ListingView]]));
  await updateListing(world.db, world.cast.sol, is, { ...(said as ListingInput), ...edits });
  await world.drain();
}

async function watched(by: Viewer, overrides: Partial<ListingInput> = {}): Promise<ListingView> {
  const listing = await publishedListing(world.db, world.cast.sol, overrides);
  await watchListing(world.db, by, listing.id);
  await world.drain();
  return listing;
}

async function inboxOf(person: Viewer): Promise<Notice[]> {
  return readPage(world.db, person.id, ALL, 100);
}

function wordsOf(notice: Notice | undefined): string {
  if (!notice) return "nothing";
  const { headline, detail } = rowFor(notice, "en-GB");
  return [headline, detail].filter(Boolean).join(", ");
}

const buyer = () => createPerson(world.db, { role: "buyer" });

test("edits that nobody has read are one unread row with the net change; who has read the first has the others as another", async () => {
  const [wanda, otto] = [await buyer(), await buyer()];
  const listing = await watched(wanda, { title: "Zinc", priceMinor: 900_00 });
  await watchListing(world.db, otto, listing.id);
  await edit(listing, { priceMinor: 880_00 });
  await markRead(world.db, otto.id, 1, true);
  for (const priceMinor of [870_00, 895_00, 850_00]) await edit(listing, { priceMinor });
  const [row, ...others] = await inboxOf(wanda);
  expect([wordsOf(row), others]).toEqual([
    "Serrano Metals lowered the price of Zinc, From €900.00 to €850.00, 4 edits",
    [],
  ]);
  expect(await readHead(world.db, wanda.id)).toMatchObject({ lastSeq: 4, unread: 1, unseen: 1 });
  expect((await inboxOf(otto)).map(wordsOf)).toEqual([
    "Serrano Metals lowered the price of Zinc, From €880.00 to €850.00, 3 edits",
    "Serrano Metals lowered the price of Zinc, From €900.00 to €880.00",
  ]);
});

test("one edit of price and quantity is one row that tells of both", async () => {
  const wanda = await buyer();
  const listing = await watched(wanda, { title: "Iron", priceMinor: 10_00, quantity: 5, unit: "kg" });
  await edit(listing, { priceMinor: 9_00, quantity: 4 });
  expect((await inboxOf(wanda)).map(wordsOf)).toEqual([
    "Serrano Metals lowered the price of Iron, From €10.00 to €9.00, quantity from 5 to 4 kg",
  ]);
});

test("the event log keeps every step of edits that became one row", async () => {
  const wanda = await buyer();
  const listing = await watched(wanda, { quantity: 10 });
  for (const quantity of [20, 30, 40]) await edit(listing, { quantity });
  const events = await world.db.selectFrom("events").select("kind").where("listing_id", "=", listing.id).execute();
  expect(events.filter(({ kind }) => kind === "listing_updated")).toHaveLength(3);
});

test("edits that take one another back say so, and different currencies are not put side by side", async () => {
  const wanda = await buyer();
  const listing = await watched(wanda, { title: "Tin", priceMinor: 10_00, quantity: 5, unit: "kg" });
  await edit(listing, { priceMinor: 12_00 });
  await edit(listing, { priceMinor: 10_00 });
  expect((await inboxOf(wanda)).map(wordsOf)).toEqual([
    "Serrano Metals edited Tin: price and quantity are as before, 2 edits",
  ]);
  await edit(listing, { priceMinor: 11_00 });
  await edit(listing, { currency: "USD", priceMinor: 13_00 });
  await edit(listing, { quantity: 7 });
  expect((await inboxOf(wanda)).map(wordsOf)).toEqual([
    "Serrano Metals changed the quantity of Tin, From 5 to 7 kg, 5 edits",
  ]);
});

test("one reason's row is not another's, nor one listing's, and what is no edit stays a row of its own", async () => {
  const [wanda, otto] = [await buyer(), await buyer()];
  const [one, other] = [await watched(wanda), await watched(wanda)];
  await enquire(world.db, otto, one.id, "Is it still there?");
  await world.drain();
  await edit(one, { quantity: 11 });
  await edit(other, { quantity: 12 });
  await reserveListing(world.db, world.cast.sol, await now(one), { buyerId: otto.id, hours: 2 });
  await world.drain();
  await edit(one, { quantity: 13 });
  const kinds = async (person: Viewer) =>
    (await inboxOf(person)).map(({ event, reason }) => `${event.kind} ${event.listingId === one.id} ${reason}`);
  expect(await kinds(wanda)).toEqual([
    "listing_updated true watching",
    "listing_reserved true watching",
    "listing_updated false watching",
  ]);
  expect(await kinds(otto)).toEqual([
    "listing_updated true reserved_for_you",
    "listing_reserved true reserved_for_you",
    "listing_updated true your_enquiry",
  ]);
});

test("a burst rings once in a minute; after it, and for whoever has read the row, it rings again", async () => {
  const wanda = await buyer();
  const listing = await watched(wanda);
  const quiet = async () => (await inboxOf(wanda)).map((notice) => notice.quiet);
  await edit(listing, { quantity: 11 });
  expect(await quiet()).toEqual([false]);
  await edit(listing, { quantity: 12 });
  await edit(listing, { quantity: 13 });
  expect(await quiet()).toEqual([true]);
  await sql`update notifications set toasted_at = toasted_at - interval '61 seconds'`.execute(world.db);
  await edit(listing, { quantity: 14 });
  expect(await quiet()).toEqual([false]);
  await edit(listing, { quantity: 15 });
  const { lastSeq } = await readHead(world.db, wanda.id);
  await markRead(world.db, wanda.id, lastSeq, true);
  await edit(listing, { quantity: 16 });
  expect(await quiet()).toEqual([false, true]);
});

test("an edit that is delivered late joins those that followed it as what happened first", async () => {
  const wanda = await buyer();
  const listing = await watched(wanda, { title: "Lead", priceMinor: 100_00 });
  const ids: number[] = [];
  for (const priceMinor of [90_00, 80_00]) {
    const is = await now(listing);
    const said = Object.fromEntries(Object.keys(someStock()).map((key) => [key, is[key as keyof ListingView]]));
    await updateListing(world.db, world.cast.sol, is, { ...(said as ListingInput), priceMinor });
    ids.push(
      (
        await world.db
          .selectFrom("events")
          .select(({ fn }) => fn.max("id").as("id"))
          .executeTakeFirstOrThrow()
      ).id,
    );
  }
  for (const id of ids.reverse()) {
    const event = await findEvent(world.db, id);
    if (event) await world.db.transaction().execute((trx) => store(trx, event));
  }
  expect((await inboxOf(wanda)).map(wordsOf)).toEqual([
    "Serrano Metals lowered the price of Lead, From €100.00 to €80.00, 2 edits",
  ]);
  expect(await readHead(world.db, wanda.id)).toMatchObject({ lastSeq: 2, unread: 1, unseen: 1 });
});

type Step = { act: "edit" | "read" | "unread" | "archive" | "unarchive" | "all" | "see"; price: number; at: number };

const step: fc.Arbitrary<Step> = fc.record({
  act: fc.constantFrom("edit", "edit", "edit", "read", "unread", "archive", "unarchive", "all", "see"),
  price: fc.integer({ min: 1, max: 4 }),
  at: fc.double({ min: 0, max: 0.999, noNaN: true }),
});

test("whatever is edited, read and archived in whatever order: one live row at the most, the right net, no number missing, no count wrong", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
      const wanda = await buyer();
      const listing = await watched(wanda, { priceMinor: 2_00 });
      const rows: Row[] = [];
      let was = 2_00;
      for (const { act, price, at } of steps) {
        const row = rows[Math.floor(at * rows.length)];
        if (act === "edit" && price * 100 !== was) {
          await edit(listing, { priceMinor: price * 100 });
          rows.push({ seq: rows.length + 1, from: was, to: price * 100, read: false, archived: false, gone: false });
          was = price * 100;
        } else if (row) await mark(wanda, act, row, rows);
        joinLive(rows);
        await holds(wanda, rows);
      }
    }),
    { numRuns: 12 },
  );
}, 60_000);

/** What a notification must be: from which price to which, and how it is marked. */
type Row = { seq: number; from: number; to: number; read: boolean; archived: boolean; gone: boolean };

const isLive = ({ read, archived, gone }: Row) => !read && !archived && !gone;

function joinLive(rows: Row[]): void {
  const [earlier, later] = rows.filter(isLive);
  if (!earlier || !later) return;
  earlier.gone = true;
  later.from = earlier.from;
}

async function mark({ id }: Viewer, act: Step["act"], row: Row, rows: Row[]): Promise<void> {
  const { db } = world;
  const { seq } = row;
  if (act === "read" || act === "unread") await markRead(db, id, seq, act === "read");
  if (act === "archive" || act === "unarchive") await archive(db, id, seq, act === "archive");
  if (act === "all") await markAllRead(db, id, seq);
  if (act === "see") await markSeen(db, id, seq);
  if (act === "read" || act === "unread") row.read = act === "read";
  if (act === "archive" || act === "unarchive") row.archived = act === "archive";
  if (act === "all") for (const one of rows) if (one.seq <= seq && isLive(one)) one.read = true;
}

async function holds(person: Viewer, rows: Row[]): Promise<void> {
  const head = await readHead(world.db, person.id);
  const stored = await world.db
    .selectFrom("notifications")
    .selectAll()
    .where("recipient_id", "=", person.id)
    .orderBy("seq")
    .execute();
  expect(stored.map(({ seq }) => seq)).toEqual(rows.map(({ seq }) => seq));
  expect(stored.map((row) => row.superseded_at !== null)).toEqual(rows.map(({ gone }) => gone));
  const live = rows.filter(isLive);
  expect(live.length).toBeLessThanOrEqual(1);
  expect([head.unread, head.unseen]).toEqual([live.length, live.filter(({ seq }) => seq > head.seenSeq).length]);
  const shown = stored.filter(({ superseded_at }) => !superseded_at);
  expect(shown.map(({ edits }) => [edits?.before.priceMinor, edits?.after.priceMinor])).toEqual(
    rows.filter(({ gone }) => !gone).map(({ from, to }) => [from, to]),
  );
}
