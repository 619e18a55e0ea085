import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../src/access.ts";
import { DomainError } from "../src/errors.ts";
import { enquire, reply } from "../src/marketplace/enquiries.ts";
import { extendReservation } from "../src/marketplace/extension.ts";
import { findListings } from "../src/marketplace/listings.ts";
import { updateListing } from "../src/marketplace/publishing.ts";
import { releaseListing, reserveListing, sellListing } from "../src/marketplace/reservations.ts";
import { unwatchListing, watchListing } from "../src/marketplace/watches.ts";
import { relistListing, withdrawListing } from "../src/marketplace/withdrawal.ts";
import { createPerson, publishedListing, someStock } from "./cast.ts";
import { serve, type TestServer } from "./server.ts";
import type { SseClient } from "./sse.ts";
import { createWorld, type World } from "./world.ts";

const acts = [
  "watch",
  "unwatch",
  "enquire",
  "reply",
  "edit",
  "reserve",
  "extend",
  "release",
  "sell",
  "withdraw",
  "relist",
] as const;
type Act = { act: (typeof acts)[number]; who: number; listing: number; buyer: number };

const act: fc.Arbitrary<Act> = fc.record({
  act: fc.constantFrom(...acts),
  who: fc.nat(4),
  listing: fc.nat(2),
  buyer: fc.nat(1),
});

let world: World;
let server: TestServer;

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
});
afterAll(async () => {
  await server.close();
  await world.close();
});

type Scene = {
  buyers: Viewer[];
  sellers: Viewer[];
  admin: Viewer;
  listings: { id: number; sellerId: number; title: string }[];
};

// Names that are found again wherever they turn up.
let scenes = 0;

async function openScene(): Promise<Scene> {
  scenes += 1;
  const { db } = world;
  const person = (role: Viewer["role"], n: number) =>
    createPerson(db, {
      role,
      name: `${role}name${scenes}x${n}`,
      company: `${role}firm${scenes}x${n}`,
      email: `${role}-${scenes}-${n}@demo.test`,
    });
  const buyers = [await person("buyer", 1), await person("buyer", 2)];
  const sellers = [await person("seller", 1), await person("seller", 2)];
  const admin = await person("admin", 1);
  const listings = [];
  for (const n of [0, 0, 1]) listings.push(await publishedListing(db, sellers[n] ?? admin));
  await world.drain();
  return { buyers, sellers, admin, listings };
}

/** Does what it says, or what the rules say instead. */
async function perform(scene: Scene, { act, who, listing, buyer }: Act): Promise<void> {
  const { db } = world;
  const actor = [...scene.buyers, ...scene.sellers, scene.admin][who];
  const [target] = await findListings(db, [scene.listings[listing]?.id ?? 0]);
  if (!actor || !target) return;
  const buyerId = scene.buyers[buyer]?.id ?? 0;
  const thread = await db.selectFrom("enquiries").select("id").where("listing_id", "=", target.id).executeTakeFirst();
  const deeds: Record<Act["act"], () => Promise<unknown>> = {
    watch: async () => actor.role === "buyer" && watchListing(db, actor, target.id),
    unwatch: async () => actor.role === "buyer" && unwatchListing(db, actor, target.id),
    enquire: async () => actor.role === "buyer" && enquire(db, actor, target.id, "Is it there?"),
    reply: async () => thread && reply(db, actor, thread.id, "Yes."),
    edit: () =>
      updateListing(db, actor, target, { ...someStock(), title: target.title, priceMinor: target.priceMinor - 100 }),
    reserve: () => reserveListing(db, actor, target, { buyerId, hours: 2 }),
    extend: () => extendReservation(db, actor, target, 5),
    release: () => releaseListing(db, actor, target),
    sell: () => sellListing(db, actor, target),
    withdraw: () => withdrawListing(db, actor, target),
    relist: () => relistListing(db, actor, target),
  };
  await deeds[act]().catch((error) => {
    if (!(error instanceof DomainError)) throw error;
  });
}

/** Who should be told of each event, from the tables as they stood when it happened: kept beside the real thing. */
async function shouldKnow(eventId: number): Promise<Set<number>> {
  const { db } = world;
  const event = await db.selectFrom("events").selectAll().where("id", "=", eventId).executeTakeFirstOrThrow();
  const data = event.data as { sellerId: number; buyerId?: number | null; reservedFor?: number | null };
  const told = new Set<number>();
  if (event.kind !== "listing_published") told.add(data.sellerId);
  if (data.buyerId && event.kind !== "enquiry_received") told.add(data.buyerId);
  if (data.reservedFor) told.add(data.reservedFor);
  if (event.kind.startsWith("listing_") && event.kind !== "listing_published") {
    const watching = await db
      .selectFrom("watches")
      .select("user_id")
      .where("listing_id", "=", event.listing_id)
      .execute();
    const asking = await db
      .selectFrom("enquiries")
      .select("buyer_id")
      .where("listing_id", "=", event.listing_id)
      .execute();
    for (const { user_id } of watching) told.add(user_id);
    for (const { buyer_id } of asking) told.add(buyer_id);
  }
  told.delete(event.actor_id ?? 0);
  return told;
}

async function check(scene: Scene, streams: Map<number, SseClient>, expected: Map<number, Set<number>>): Promise<void> {
  const everybody = [...scene.buyers, ...scene.sellers, scene.admin];
  for (const person of everybody) {
    // Also those that later edits have taken the place of.
    const inbox = await world.db
      .selectFrom("notifications")
      .select(["seq", "event_id"])
      .where("recipient_id", "=", person.id)
      .orderBy("seq")
      .execute();
    const due = [...expected].filter(([, told]) => told.has(person.id)).map(([id]) => id);
    expect(inbox.map(({ event_id }) => event_id)).toEqual(due);
    const stream = streams.get(person.id);
    const last = inbox.at(-1)?.seq;
    if (last) await stream?.next(({ id }) => id === String(last));
    const seen = JSON.stringify(stream?.events ?? []);
    const foreign = scene.listings.filter((listing) => person.role === "seller" && listing.sellerId !== person.id);
    for (const { id, title } of foreign)
      expect(seen).not.toMatch(new RegExp(`data-listing=\\\\"${id}\\\\"|${title}(?!\\d)`));
    if (person.role === "buyer") {
      for (const other of scene.buyers.filter(({ id }) => id !== person.id)) {
        for (const secret of [other.name, other.company, other.email]) expect(seen).not.toContain(secret);
      }
    }
    if (person.role !== "admin") expect(stream?.events.filter(({ event }) => event === "oversight")).toEqual([]);
  }
}

test("whatever people do: everyone who should be told is, no seller hears of another's listing, no buyer who another is, and only admins see oversight", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 25 }), async (deeds) => {
      const scene = await openScene();
      const streams = new Map<number, SseClient>();
      for (const person of [...scene.buyers, ...scene.sellers, scene.admin]) {
        streams.set(person.id, await server.stream(await server.signIn(person)));
      }
      const expected = new Map<number, Set<number>>();
      for (const deed of deeds) {
        const before = await lastEvent();
        await perform(scene, deed);
        const fresh = await world.db.selectFrom("events").select("id").where("id", ">", before).orderBy("id").execute();
        for (const { id } of fresh) expected.set(id, await shouldKnow(id));
        await world.drain();
      }
      await check(scene, streams, expected);
      for (const stream of streams.values()) stream.close();
    }),
    { numRuns: 12 },
  );
}, 90_000);

async function lastEvent(): Promise<number> {
  const last = await world.db.selectFrom("events").select("id").orderBy("id", "desc").limit(1).executeTakeFirst();
  return last?.id ?? 0;
}
