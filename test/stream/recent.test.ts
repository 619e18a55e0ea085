import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Bus } from "../../src/bus.ts";
import { findEvent, type LoggedEvent } from "../../src/events/log.ts";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { deliverEvent } from "../../src/notifications/deliver.ts";
import { readNews } from "../../src/notifications/messages.ts";
import type { Reason } from "../../src/notifications/reasons.ts";
import { noticeFragment } from "../../src/stream/fragments.ts";
import { frame } from "../../src/stream/frames.ts";
import { RecentEvents } from "../../src/stream/recent.ts";
import { createCrowd, createPerson, publishedListing } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import { named } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

/** What each costs is paid for everybody who is told, in time of the processor and of the line: the longest of the usual. */
const MOST_BYTES = 1_700;

let world: World;
let server: TestServer;
let event: LoggedEvent;

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
  event = await reservation(`Zinc\r\n\r\nevent: signed-out\ndata: {"reason":"x"} $& <b>`);
});
afterAll(async () => {
  await server.close();
  await world.close();
});

/** Somebody reserves a listing that Otto watches for Bea. */
async function reservation(title: string): Promise<LoggedEvent> {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol, { title });
  await world.drain();
  await watchListing(db, cast.otto, listing.id);
  await reserveListing(db, cast.sol, listing, { buyerId: cast.bea.id, hours: 2 });
  const { id } = await db.selectFrom("events").select("id").orderBy("id", "desc").limit(1).executeTakeFirstOrThrow();
  return (await findEvent(db, id)) as LoggedEvent;
}

test("what is made once for all tells each their own number and badge, as if it were made for them alone", () => {
  const recent = new RecentEvents();
  recent.add(event);
  for (const locale of ["en-GB", "de-DE", "ar-EG"]) {
    for (const reason of ["reserved_for_you", "watching"] as Reason[]) {
      for (const [seq, unseen, revision] of [
        [1, 0, 3],
        [12_345, 7, 9],
        [2, 1234, 1235],
        [1, 0, 4],
      ] as const) {
        const told = recent.frameOf({ eventId: event.id, seq, reason, unseen, revision }, locale, { unseen, revision });
        const notice = { seq, reason, event, quiet: false, readAt: null, archivedAt: null };
        const alone = noticeFragment(locale, notice, { unseen, revision });
        expect(told).toBe(frame("toast", alone, seq));
      }
    }
  }
});

test("a time is told as the template tells it, to the millisecond, also where a minute begins or ends and long ago", () => {
  for (const time of [
    "10:58:59.999Z",
    "10:59:00.000Z",
    "10:59:09.007Z",
    "10:59:59.990Z",
    "11:00:00.100Z",
    "00:00:00.001Z",
  ]) {
    for (const day of ["2026-11-27", "1999-01-01", "2028-02-29"]) {
      const happened = { ...event, occurredAt: new Date(`${day}T${time}`) };
      const recent = new RecentEvents();
      recent.add(happened);
      const badge = { unseen: 1, revision: 1 };
      const notice = {
        seq: 5,
        reason: "watching" as Reason,
        event: happened,
        quiet: false,
        readAt: null,
        archivedAt: null,
      };
      const told = recent.frameOf({ eventId: event.id, seq: 5, reason: "watching", ...badge }, "en-GB", badge);
      expect(told).toBe(frame("toast", noticeFragment("en-GB", notice, badge), 5));
      expect(told).toContain(`datetime="${day}T${time}"`);
    }
  }
});

test("of one kind each shape is its own: with a listing and without, loud and quiet", () => {
  for (const told of [event, { ...event, listingId: null }, event]) {
    for (const quiet of [false, true]) {
      const recent = new RecentEvents();
      recent.add(told);
      const badge = { unseen: 2, revision: 2 };
      const notice = { seq: 6, reason: "watching" as Reason, event: told, quiet, readAt: null, archivedAt: null };
      const ring = { eventId: event.id, seq: 6, reason: "watching" as Reason, ...badge, ...(quiet ? { quiet } : {}) };
      const alone = frame(quiet ? "inbox" : "toast", noticeFragment("en-GB", notice, badge), 6);
      expect(recent.frameOf(ring, "en-GB", badge)).toBe(alone);
    }
  }
});

test("what is pushed for one notification, toast, badge and row, is under 1.7 kB", () => {
  const notice = { seq: 12, reason: "watching" as Reason, event, quiet: false, readAt: null, archivedAt: null };
  const pushed = frame("toast", noticeFragment("en-GB", notice, { unseen: 12, revision: 31 }), 12);
  expect(pushed).toMatch(/id="badge".*<li class="inbox-row"/);
  expect(Buffer.byteLength(pushed)).toBeLessThan(MOST_BYTES);
});

test("the sixty-four events heard of last are known, and what was before them is not", () => {
  const recent = new RecentEvents();
  for (let n = 0; n <= 64; n += 1) recent.add({ ...event, id: event.id + n });
  const frameOf = (eventId: number) =>
    recent.frameOf({ eventId, seq: 1, reason: "watching", unseen: 1, revision: 1 }, "en-GB", {
      unseen: 1,
      revision: 1,
    });
  expect([recent.find(event.id), frameOf(event.id)]).toEqual([undefined, undefined]);
  expect([frameOf(event.id + 1), frameOf(event.id + 64)]).toEqual([expect.any(String), expect.any(String)]);
});

test("a ring whose event was not heard of is told all the same, to whom it concerns and to nobody else", async () => {
  const { db, cast, log } = world;
  const unheard = await reservation("Tin ingots");
  const [bea, otto, rita] = await Promise.all(
    [cast.bea, cast.otto, cast.rita].map(async (person) => server.stream(await server.signIn(person))),
  );
  if (!bea || !otto || !rita) throw new Error("somebody is missing");
  const deaf: Bus = {
    ...world.bus,
    publish: (messages) =>
      world.bus.publish(
        messages.map(({ channel, body }) => ({ channel, body: JSON.stringify({ ...readNews(body), event: null }) })),
      ),
  };
  await deliverEvent({ db, bus: deaf, log }, unheard.id);
  const toBea = await bea.next(named("toast"));
  const toOtto = await otto.next(named("toast"));
  expect(toBea.data).toContain("reserved Tin ingots for you");
  expect(toOtto.data).toContain("reserved Tin ingots<");
  expect(rita.events.filter(named("toast"))).toEqual([]);
});

test("where very many are told, each of them is, with their own number, and nobody else", async () => {
  const { db, cast, log, bus } = world;
  const event = await reservation("Lead sheet");
  const crowd = await createCrowd(db, 1200);
  await sql`insert into watches (user_id, listing_id) select unnest(${crowd.map(({ id }) => id)}::bigint[]), ${event.listingId}`.execute(
    db,
  );
  const [member, rita] = await Promise.all(
    [await createPerson(db, { role: "buyer" }), cast.rita].map(async (person) => {
      if (person.role === "buyer") await watchListing(db, person, event.listingId as number);
      return server.stream(await server.signIn(person));
    }),
  );
  const rungFor: number[] = [];
  const heard: Bus = {
    ...bus,
    publish: (messages) => {
      for (const { body } of messages) rungFor.push(...readNews(body).rings.map(({ userId }) => userId));
      return bus.publish(messages);
    },
  };
  await deliverEvent({ db, bus: heard, log }, event.id);
  const toast = await member?.next(named("toast"));
  expect([toast?.data.includes("reserved Lead sheet<"), toast?.id]).toEqual([true, "1"]);
  expect(new Set(rungFor).size).toBe(1200 + 3);
  expect(rita?.events.filter(named("toast"))).toEqual([]);
});
