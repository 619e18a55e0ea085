import { afterAll, beforeAll, expect, test } from "vitest";
import { findEvent, type LoggedEvent } from "../../src/events/log.ts";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { ring } from "../../src/notifications/deliver.ts";
import type { Reason } from "../../src/notifications/reasons.ts";
import { publishedListing } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";

// As after a roll-back, or while a deploy is under way: the database and the bus tell of what only a newer release knows.
let world: World;
let server: TestServer;
let listing: ListingView;
let cookies: { bea: string; ada: string };

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
  const { bea, ada, sol } = world.cast;
  cookies = { bea: await server.signIn(bea), ada: await server.signIn(ada) };
  listing = await publishedListing(world.db, sol, { title: "Copper cathode" });
  await watchListing(world.db, bea, listing.id);
  await world.drain();
});
afterAll(async () => {
  await server.close();
  await world.close();
});

/** Another release tells Bea of something. @returns the event and her number for it */
async function tellBea(reason: string, listingId: number | null): Promise<{ event: LoggedEvent; seq: number }> {
  const { db, cast } = world;
  const { id } = await db
    .insertInto("events")
    .values({
      kind: "auction_begun" as never,
      actor_id: cast.sol.id,
      listing_id: listingId,
      data: JSON.stringify({ title: "Copper cathode" }),
      delivered_at: new Date(),
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  const { last_seq: seq } = await db
    .updateTable("inboxes")
    .set(({ eb }) => ({
      last_seq: eb("last_seq", "+", 1),
      unread: eb("unread", "+", 1),
      unseen: eb("unseen", "+", 1),
      revision: eb("revision", "+", 1),
    }))
    .where("user_id", "=", cast.bea.id)
    .returning("last_seq")
    .executeTakeFirstOrThrow();
  await db.insertInto("notifications").values({ recipient_id: cast.bea.id, seq, event_id: id, reason }).execute();
  return { event: (await findEvent(db, id)) as LoggedEvent, seq };
}

const page = async (path: string, cookie: string) => {
  const answer = await fetch(server.url + path, { headers: { Cookie: cookie } });
  return { status: answer.status, text: await answer.text() };
};

test.each([
  ["watching", "News about Copper cathode"],
  ["bidding", "An update that you can no longer see"],
])(
  "news of an unknown kind, for the reason '%s', is a row that says '%s', and no page fails",
  async (reason, words) => {
    const { event, seq } = await tellBea(reason, listing.id);
    const poll = `/stream/fallback?after=${seq - 1}&since=${encodeURIComponent(new Date().toISOString())}`;
    for (const path of ["/", "/notifications", "/notifications?by=listing", poll]) {
      const { status, text } = await page(path, cookies.bea);
      expect([path, status]).toEqual([path, 200]);
      if (!path.includes("by=")) expect(text).toContain(words);
    }
    expect((await page(`/notifications/${seq}`, cookies.bea)).status).toBe(reason === "watching" ? 200 : 404);
    const { bea, otto } = world.cast;
    for (const path of [
      "/oversight",
      `/oversight/events/${event.id}?person=`,
      `/oversight/events/${event.id}?person=x`,
    ]) {
      expect([path, (await page(path, cookies.ada)).status]).toEqual([path, 200]);
    }
    for (const { id } of [bea, otto]) {
      expect((await page(`/oversight/events/${event.id}?person=${id}`, cookies.ada)).text).toContain(
        'id="explanation"',
      );
    }
  },
);

test.each(["watching", "bidding"])("it is told live, for the reason '%s', and streams go on", async (given) => {
  const reason = given as Reason;
  const [stream, admin] = [await server.stream(cookies.bea), await server.stream(cookies.ada)];
  const { event, seq } = await tellBea(reason, null);
  const more = { unseen: 1, revision: 1000 + seq, quiet: false, net: null };
  await ring(world, event, [{ userId: world.cast.bea.id, seq, reason, ...more }]);
  const toast = await stream.next(({ id }) => id === String(seq));
  expect(toast.data).toContain("News about Copper cathode");
  expect((await admin.next(({ data }) => data.includes(`id="event-${event.id}"`))).data).toContain("Something new");
  stream.close();
  const back = await server.stream(cookies.bea, `?lastEventId=${seq - 1}`);
  await back.next(({ id }) => id === String(seq));
  for (const client of [back, admin]) client.close();
});
