import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import type { Database } from "../../src/db.ts";
import { warnOfExpiry } from "../../src/marketplace/ending.ts";
import { enquire, reply } from "../../src/marketplace/enquiries.ts";
import { extendReservation } from "../../src/marketplace/extension.ts";
import { publishListing, updateListing } from "../../src/marketplace/publishing.ts";
import { expireReservation, releaseListing, reserveListing, sellListing } from "../../src/marketplace/reservations.ts";
import { relistListing, withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { publishedListing, someStock } from "../cast.ts";
import { createWorld, type World } from "../world.ts";
import { jobsOf, letPass, listingIn, rowsOf } from "./shop.ts";

let world: World;
beforeAll(async () => {
  world = await createWorld();
  // Whatever is written into the log while this stands fails when its transaction wants to commit.
  await sql`create function refuse() returns trigger language plpgsql as $$ begin raise 'not today'; end $$`.execute(
    world.db,
  );
});
afterEach(() => sql`drop trigger if exists refuse on events`.execute(world.db));
afterAll(() => world.close());

async function everything() {
  const tables: (keyof Database)[] = ["listings", "reservations", "enquiries", "messages", "events"];
  const rows = await Promise.all(tables.map((table) => rowsOf(world.db, table)));
  return [
    ...rows,
    await jobsOf(world.db, "deliver_event"),
    await jobsOf(world.db, "expire_reservation"),
    await jobsOf(world.db, "warn_of_expiry"),
  ];
}

async function reservationOf(listingId: number): Promise<number> {
  const query = world.db.selectFrom("reservations").select("id").where("listing_id", "=", listingId);
  return (await query.executeTakeFirstOrThrow()).id;
}

type Act = (world: World) => Promise<() => Promise<unknown>>;

const acts: Record<string, Act> = {
  publishing:
    async ({ db, cast }) =>
    () =>
      publishListing(db, cast.sol, someStock()),
  editing: async ({ db, cast }) => {
    const listing = await publishedListing(db, cast.sol);
    return () => updateListing(db, cast.sol, listing, { ...someStock(), quantity: 3 });
  },
  reserving: async ({ db, cast }) => {
    const listing = await publishedListing(db, cast.sol);
    return () => reserveListing(db, cast.sol, listing, { buyerId: cast.bea.id, hours: 2 });
  },
  extending: async ({ db, cast }) => {
    const listing = await listingIn(world, cast, "reserved");
    return () => extendReservation(db, cast.sol, listing, 2);
  },
  warning: async ({ db, cast }) => {
    const { id } = await listingIn(world, cast, "reserved");
    await letPass(db, id, 23);
    return async () => warnOfExpiry(db, await reservationOf(id));
  },
  releasing: async ({ db, cast }) => {
    const listing = await listingIn(world, cast, "reserved");
    return () => releaseListing(db, cast.sol, listing);
  },
  expiring: async ({ db, cast }) => {
    const { id } = await listingIn(world, cast, "reserved");
    await letPass(db, id, 24);
    return async () => expireReservation(db, await reservationOf(id));
  },
  selling: async ({ db, cast }) => {
    const listing = await listingIn(world, cast, "reserved");
    return () => sellListing(db, cast.sol, listing);
  },
  withdrawing: async ({ db, cast }) => {
    const listing = await listingIn(world, cast, "reserved");
    return () => withdrawListing(db, cast.sol, listing);
  },
  relisting: async ({ db, cast }) => {
    const listing = await listingIn(world, cast, "withdrawn");
    return () => relistListing(db, cast.sol, listing);
  },
  asking: async ({ db, cast }) => {
    const { id } = await publishedListing(db, cast.sol);
    return () => enquire(db, cast.bea, id, "Hello?");
  },
  answering: async ({ db, cast }) => {
    const { id } = await publishedListing(db, cast.sol);
    const thread = await enquire(db, cast.bea, id, "Hello?");
    return () => reply(db, cast.sol, thread, "Yes?");
  },
};

test.each(Object.entries(acts))(
  "%s that is rolled back leaves no change, no event and no job",
  async (_name, prepare) => {
    const act = await prepare(world);
    const before = await everything();
    await sql`create constraint trigger refuse after insert on events initially deferred for each row execute function refuse()`.execute(
      world.db,
    );
    await expect(act()).rejects.toThrow("not today");
    expect(await everything()).toEqual(before);
  },
);

test.each(Object.entries(acts))(
  "%s that commits leaves one event and the job that tells of it",
  async (_name, prepare) => {
    const act = await prepare(world);
    const [events, jobs] = [await rowsOf(world.db, "events"), await jobsOf(world.db, "deliver_event")];
    await act();
    const event = (await rowsOf(world.db, "events")).slice(events.length) as { id: number; listing_id: number }[];
    const job = (await jobsOf(world.db, "deliver_event")).slice(jobs.length);
    expect(event).toHaveLength(1);
    expect(job.map(({ payload }) => payload)).toEqual([{ eventId: event[0]?.id, listingId: event[0]?.listing_id }]);
  },
);
