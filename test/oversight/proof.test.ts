import { readFileSync } from "node:fs";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import type { EventKind } from "../../src/events/catalogue.ts";
import { enquire } from "../../src/marketplace/enquiries.ts";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { releaseListing, reserveListing } from "../../src/marketplace/reservations.ts";
import { unwatchListing, watchListing } from "../../src/marketplace/watches.ts";
import { kinds } from "../../src/notifications/kinds.ts";
import { chooseShown } from "../../src/notifications/preferences.ts";
import { compare, type Span, statement } from "../../src/oversight/proof.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { createWorld, type World } from "../world.ts";
import { certainDay } from "./certain-day.ts";
import { busyDay } from "./day.ts";
import { later } from "./later.ts";

const ALL: Span = { since: new Date(0), after: 0, until: Number.MAX_SAFE_INTEGER };
const SAME = { leaks: 0, lost: 0, otherReasons: 0, noRule: 0, differences: [] };

let world: World;
let listing: ListingView;
let wanda: Viewer;
let after: number;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(() => world.close());

// Wanda watches a listing of Sol's, of which nothing is to be told yet.
beforeEach(async () => {
  const { db, cast } = world;
  wanda = await createPerson(db, { role: "buyer" });
  listing = await publishedListing(db, cast.sol);
  await watchListing(db, wanda, listing.id);
  await world.drain();
  await later(db, 3);
  after = await lastEvent();
});

async function lastEvent(): Promise<number> {
  const { rows } = await sql<{ id: number }>`select max(id) as id from events`.execute(world.db);
  return rows[0]?.id ?? 0;
}

/** Ada reserves it for Bea, so that Bea, Sol and those who watch are told. */
async function happen(): Promise<void> {
  const { db, cast } = world;
  await reserveListing(db, cast.ada, listing, { buyerId: cast.bea.id, hours: 5 });
  await world.drain();
}

const found = () => compare(world.db, { ...ALL, after });

test("a day on which everything happens gives no difference, and nearly all of it is judged", {
  timeout: 90_000,
}, async () => {
  const day = await createWorld();
  onTestFinished(() => day.close());
  await certainDay(day);
  await busyDay(day, 7, 32);
  const result = await compare(day.db, ALL);
  expect(result).toMatchObject(SAME);
  expect(result.recipients).toBeGreaterThan(150);
  expect(result.notJudged).toBeLessThan(result.recipients / 15);
  const happened = await day.db.selectFrom("events").select("kind").distinct().execute();
  expect(happened.map(({ kind }) => kind).sort()).toEqual(Object.keys(kinds).sort());
  const past = await day.db.selectFrom("past_states").select("about").distinct().execute();
  expect(past).toHaveLength(4);
});

test("every kind of the catalogue has its rule in the statement, and one without is reported", async () => {
  const { db } = world;
  for (const kind of [...(Object.keys(kinds) as EventKind[]), "listing_forgotten" as EventKind]) {
    const data = { title: "Copper", sellerId: 0, buyerId: null };
    await sql`
      insert into events (kind, data, listing_id, delivered_at)
      values (${kind}, ${JSON.stringify(data)}, ${listing.id}, now())`.execute(db);
  }
  const last = await lastEvent();
  const known = await compare(db, { ...ALL, after, until: last - 1 });
  expect({ events: known.events, noRule: known.noRule }).toEqual({ events: Object.keys(kinds).length, noRule: 0 });
  const { noRule, differences } = await compare(db, { ...ALL, after: last - 1 });
  expect(noRule).toBe(1);
  expect(differences).toEqual([{ eventId: last, userId: null, what: "no_rule", told: null, due: null }]);
});

type Change = (db: World["db"]) => Promise<unknown>;

const near: [string, Change, Change?][] = [
  ["somebody stops watching", (db) => unwatchListing(db, wanda, listing.id)],
  ["somebody begins to watch", (db) => watchListing(db, world.cast.otto, listing.id)],
  ["somebody asks", (db) => enquire(db, world.cast.otto, listing.id, "Still there?")],
  ["somebody mutes it", (db) => db.insertInto("mutes").values({ user_id: wanda.id, listing_id: listing.id }).execute()],
  [
    "somebody hears of it again",
    (db) => db.deleteFrom("mutes").where("user_id", "=", wanda.id).execute(),
    (db) => db.insertInto("mutes").values({ user_id: wanda.id, listing_id: listing.id }).execute(),
  ],
  ["somebody switches the kind off", (db) => chooseShown(db, wanda.id, "listing_reserved", "off")],
  [
    "somebody switches it on again",
    (db) => chooseShown(db, wanda.id, "listing_reserved", "toast"),
    (db) => chooseShown(db, wanda.id, "listing_reserved", "off"),
  ],
  ["somebody is suspended", (db) => setAccount(db, { status: "suspended" })],
  ["somebody has another role", (db) => setAccount(db, { role: "seller" })],
];

function setAccount(db: World["db"], change: { status: "suspended" } | { role: "seller" }): Promise<unknown> {
  return db.updateTable("users").set(change).where("id", "=", wanda.id).execute();
}

test.each(near)(
  "just before or just after it is told nobody can judge, but a minute away all is judged: %s",
  async (_what, change, before) => {
    const { db } = world;
    for (const [first, second] of [
      [change, happen],
      [happen, change],
    ] as const) {
      for (const [minutes, notJudged] of [
        [0, 1],
        [1, 0],
      ] as const) {
        await before?.(db);
        await later(db, 3);
        const earlier = await lastEvent();
        await first(db);
        await later(db, minutes);
        await second(db);
        await world.drain();
        await later(db, 3);
        const result = await compare(db, { ...ALL, after: earlier });
        expect(result).toMatchObject({ ...SAME, notJudged });
        await startAgain();
      }
    }
  },
);

/** Somebody else watches another listing. */
async function startAgain(): Promise<void> {
  const { db, cast } = world;
  wanda = await createPerson(db, { role: "buyer" });
  listing = await publishedListing(db, cast.sol);
  await watchListing(db, wanda, listing.id);
  await world.drain();
}

test("what no moment explains is a difference, however near something else has changed", async () => {
  await unwatchListing(world.db, wanda, listing.id);
  await happen();
  await sql`update notifications set recipient_id = ${world.cast.rita.id}, seq = 900
    where event_id > ${after} and recipient_id = ${world.cast.sol.id}`.execute(world.db);
  const { rita, sol } = world.cast;
  const { differences, notJudged } = await found();
  expect(differences.map(({ userId, what }) => [userId, what])).toEqual([
    [rita.id, "leak"],
    [sol.id, "lost"],
  ]);
  expect(notJudged).toBe(1);
});

test("while people change their minds as it is told, nothing that was right is taken for a difference", async () => {
  const { db, cast } = world;
  const restless = await Promise.all([1, 2, 3, 4].map(() => createPerson(db, { role: "buyer" })));
  let going = true;
  const changing = restless.map(async (buyer) => {
    while (going) {
      await watchListing(db, buyer, listing.id);
      await unwatchListing(db, buyer, listing.id);
    }
  });
  const target = { id: listing.id, version: listing.version };
  for (let time = 0; time < 10; time += 1) {
    await reserveListing(db, cast.ada, target, { buyerId: cast.bea.id, hours: 5 });
    await releaseListing(db, cast.ada, { id: listing.id, version: target.version + 1 });
    target.version += 2;
    await world.drain();
  }
  going = false;
  await Promise.all(changing);
  const result = await found();
  expect(result).toMatchObject(SAME);
  expect(result.events).toBe(20);
  expect(result.notJudged).toBeGreaterThan(20);
});

test("a slice that takes too long is gone through in smaller ones, with the same result", async () => {
  const { db } = world;
  await sql`
    create or replace function at_most(size int) returns int language plpgsql as $$
    begin
      if size > 3 then raise 'canceling statement due to statement timeout' using errcode = '57014'; end if;
      return size;
    end $$`.execute(db);
  for (let time = 0; time < 5; time += 1) {
    await happen();
    await startAgain();
  }
  const slow = statement.replace("limit $2\n", "limit at_most($2::int)\n");
  expect(slow).not.toBe(statement);
  const result = await compare(db, { ...ALL, after }, slow);
  expect(result.events).toBe(10);
  expect(result).toEqual(await found());
});

test("the statement names none of the code that tells people, and its file imports none", () => {
  for (const file of ["proof.ts", "proving.ts"]) {
    const text = readFileSync(new URL(`../../src/oversight/${file}`, import.meta.url), "utf8");
    expect(
      [...text.matchAll(/from "(.*)"/g)].map(([, from]) => from).filter((from) => /notif|events\//.test(from ?? "")),
    ).toEqual([]);
  }
});
