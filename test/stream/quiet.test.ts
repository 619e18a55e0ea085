import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { chooseShown } from "../../src/notifications/preferences.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import { named, type SseClient } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

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

/** Somebody who watches the listing and listens, and wants to be told of withdrawals in their own way. */
async function listener(listingId: number, wish: (person: Viewer) => Promise<unknown>): Promise<SseClient> {
  const person = await createPerson(world.db, { role: "buyer" });
  await watchListing(world.db, person, listingId);
  await wish(person);
  return server.stream(await server.signIn(person));
}

const quietNow = ({ id }: Viewer) =>
  sql`insert into preferences (user_id, quiet_from, quiet_to)
    select ${id}::bigint, t - interval '1 hour', t + interval '1 hour' from (select (now() at time zone 'UTC')::time t) now`.execute(
    world.db,
  );

test("U-19: what is for the inbox only, or comes in quiet hours, is a row with its number and no toast; others get their toast, and who switched it off nothing", async () => {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol);
  const shown = (way: "inbox" | "off") => (person: Viewer) => chooseShown(db, person.id, "listing_withdrawn", way);
  const plain = await listener(listing.id, async () => {});
  const quiet = [await listener(listing.id, shown("inbox")), await listener(listing.id, quietNow)];
  const off = await listener(listing.id, shown("off"));
  await withdrawListing(db, cast.sol, listing);
  await world.drain();
  expect((await plain.next(named("toast"))).data).toContain('<article class="toast"');
  for (const stream of quiet) {
    const { data } = await stream.next(({ event, id }) => event === "inbox" && id === "1");
    expect(data).toContain('id="notification-1"');
    expect(data).toMatch(/id="badge" data-count="1"/);
  }
  // The card comes after the news, to everybody.
  for (const stream of [...quiet, off]) {
    await stream.next(named("market"));
    expect(
      stream.events.filter(({ event, data }) => event === "toast" || data.includes('<article class="toast')),
    ).toEqual([]);
  }
  expect(off.seqs()).toEqual([]);
});

test("U-19: what was quiet is quiet in a replay and in a poll as well", async () => {
  const { db, cast } = world;
  const [wanda, otto] = [await createPerson(db, { role: "buyer" }), await createPerson(db, { role: "buyer" })];
  const listing = await publishedListing(db, cast.sol);
  for (const person of [wanda, otto]) await watchListing(db, person, listing.id);
  await chooseShown(db, wanda.id, "listing_withdrawn", "inbox");
  await withdrawListing(db, cast.sol, listing);
  await world.drain();
  const [hers, his] = [await server.signIn(wanda), await server.signIn(otto)];
  const replayed = await server.stream(hers, "?lastEventId=0");
  await replayed.next(named("heartbeat"));
  expect([replayed.seqs(), replayed.events.filter(named("toast"))]).toEqual([[1], []]);
  const poll = async (cookie: string) =>
    (await fetch(`${server.url}/stream/fallback?after=0`, { headers: { cookie } })).text();
  const [quiet, loud] = [await poll(hers), await poll(his)];
  expect([quiet, loud].map((html) => /<article/.test(html))).toEqual([false, true]);
  expect([quiet, loud].map((html) => html.includes('id="notification-1"'))).toEqual([true, true]);
});

test("U-16: who missed hundreds is told of those that would have rung, and not of what was quiet or became one row", async () => {
  const { db, cast } = world;
  const wanda = await createPerson(db, { role: "buyer" });
  const listing = await publishedListing(db, cast.sol);
  await watchListing(db, wanda, listing.id);
  await world.drain();
  await sql`
    with happened as (
      insert into events (kind, actor_id, listing_id, data, delivered_at)
      select 'listing_withdrawn', ${cast.sol.id}, ${listing.id},
        jsonb_build_object('title', 'Tin', 'sellerId', ${cast.sol.id}::bigint, 'buyerId', null), now()
      from generate_series(1, 260) returning id
    )
    insert into notifications (recipient_id, seq, event_id, reason, quiet, superseded_at)
    select ${wanda.id}, n, id, 'watching', n % 10 > 0, case when n % 20 = 0 then now() end
    from (select id, row_number() over (order by id) n from happened) told`.execute(db);
  await sql`update inboxes set last_seq = 260 where user_id = ${wanda.id}`.execute(db);
  const stream = await server.stream(await server.signIn(wanda), "?lastEventId=0");
  const { data } = await stream.next(named("toast"));
  // Ten, thirty and so on up to 250.
  expect(data).toContain('data-missed="13"');
});
