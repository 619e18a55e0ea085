import { afterAll, beforeAll, expect, test } from "vitest";
import type { NewEvent } from "../../src/events/catalogue.ts";
import { editsBetween } from "../../src/events/edits.ts";
import { recordEvent } from "../../src/events/record.ts";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { readHead } from "../../src/notifications/heads.ts";
import { archive, markAllRead, markRead } from "../../src/notifications/marks.ts";
import { startWorker } from "../../src/runner.ts";
import { publishedListing } from "../cast.ts";
import { percentile, randomOf, report, SEED, sized } from "../faults/sizes.ts";
import { atBrowser, live } from "../journey/people.ts";
import { until } from "../processes.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";

const OPERATIONS = 1000;
const ROUNDS = sized(50, 20);
const TABS = 5;

let world: World;
let server: TestServer;
let worker: { stop(): Promise<void> };
let listings: ListingView[];

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
  worker = await startWorker(world);
  listings = [];
  for (let n = 0; n < 10; n += 1) listings.push(await publishedListing(world.db, world.cast.sol));
  for (const { id } of listings) await watchListing(world.db, world.cast.bea, id);
});
afterAll(async () => {
  await worker.stop();
  await server.close();
  await world.close();
});

test(`U-15: after ${OPERATIONS} arrivals, readings, unreadings and archivings the badges of five tabs agree within a second, and with the inbox`, async () => {
  const { context, page } = await atBrowser(server.url, world.cast.bea);
  const tabs = [page];
  while (tabs.length < TABS) tabs.push(await context.newPage());
  for (const tab of tabs) {
    await tab.goto("/account");
    await live(tab);
  }
  const random = randomOf(SEED);
  const late: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const operations = Array.from({ length: OPERATIONS / ROUNDS }, () => operate(random));
    await Promise.all(operations);
    await until(async () => (await undelivered()) === 0);
    const done = Date.now();
    const { unseen } = await readHead(world.db, world.cast.bea.id);
    for (const tab of tabs) await tab.waitForSelector(`#badge[data-count="${unseen}"]`, { state: "attached" });
    late.push(Date.now() - done);
  }
  report("U-15", { seed: SEED, p50: percentile(late, 0.5), p95: percentile(late, 0.95), worst: percentile(late, 1) });
  expect(percentile(late, 0.95)).toBeLessThan(1000);
  const titles = await Promise.all(tabs.map((tab) => tab.title()));
  expect(new Set(titles.map((title) => title.split(" ")[0])).size).toBe(1);
  await context.close();
}, 90_000);

/** Something arrives, or one that did is marked read or unread, archived or taken back, or all of them are read. */
async function operate(random: () => number): Promise<void> {
  const chance = random();
  const { db, cast } = world;
  const { lastSeq } = await readHead(db, cast.bea.id);
  const listing = listings[Math.floor(random() * listings.length)] as ListingView;
  if (chance < 0.3 || lastSeq === 0) return happen(chance < 0.15 ? edited(listing) : withdrawn(listing));
  if (chance > 0.99) return markAllRead(db, cast.bea.id, lastSeq);
  const seq = 1 + Math.floor(random() * lastSeq);
  if (chance < 0.75) return markRead(db, cast.bea.id, seq, chance < 0.55);
  return archive(db, cast.bea.id, seq, chance < 0.87);
}

async function happen(event: NewEvent): Promise<void> {
  await world.db.transaction().execute((trx) => recordEvent(trx, event));
}

function withdrawn({ id, title, sellerId }: ListingView): NewEvent {
  const data = { title, sellerId, buyerId: null };
  return { kind: "listing_withdrawn", actorId: sellerId, listingId: id, data };
}

// Those that nobody has read yet take one another's place.
function edited({ id, title, sellerId, priceMinor, currency, quantity, unit }: ListingView): NewEvent {
  const before = { priceMinor, currency, quantity, unit };
  const terms = { before, after: { ...before, quantity: quantity + 1 }, text: false };
  const data = { title, sellerId, currency, unit, terms, edits: editsBetween(terms), reservedFor: null };
  return { kind: "listing_updated", actorId: sellerId, listingId: id, data };
}

async function undelivered(): Promise<number> {
  const { rows } = await world.pool.query("select count(*)::int as count from events where delivered_at is null");
  return rows[0]?.count;
}
