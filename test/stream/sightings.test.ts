import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { createMetrics } from "../../src/metrics.ts";
import { createSightings } from "../../src/stream/sightings.ts";
import { publishedListing } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";

let world: World;
let server: TestServer;
let bea: string;
let listing: ListingView;

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
  bea = await server.signIn(world.cast.bea);
});
afterAll(async () => {
  await server.close();
  await world.close();
});
beforeEach(async () => {
  listing = await publishedListing(world.db, world.cast.sol);
  await watchListing(world.db, world.cast.bea, listing.id);
  await world.drain();
});

/** Something happens to the listing that Bea watches. @returns her number for it */
async function happens(): Promise<number> {
  await reserveListing(world.db, world.cast.sol, listing, { buyerId: world.cast.otto.id, hours: 1 });
  await world.drain();
  const { last_seq } = await world.db
    .selectFrom("inboxes")
    .select("last_seq")
    .where("user_id", "=", world.cast.bea.id)
    .executeTakeFirstOrThrow();
  return last_seq;
}

async function lastEvent(): Promise<number> {
  const { rows } = await sql<{ id: number }>`select max(id) as id from events`.execute(world.db);
  return rows[0]?.id ?? 0;
}

async function sightingOf(seq: number) {
  for (const hub of server.hubs) await hub.sightings.flush();
  return world.db
    .selectFrom("sightings")
    .selectAll()
    .where("recipient_id", "=", world.cast.bea.id)
    .where("seq", "=", seq)
    .executeTakeFirst();
}

const shown = (fields: Record<string, string>, cookie = bea) => server.post("/stream/shown", cookie, fields);

test("when an event was published and when it was written to a stream is noted, in this order", async () => {
  const stream = await server.stream(bea);
  const seq = await happens();
  await stream.next(({ id }) => id === String(seq));
  const seen = await sightingOf(seq);
  const event = await world.db
    .selectFrom("events")
    .selectAll()
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirstOrThrow();
  expect(seen).toMatchObject({ live: true, shown_at: null });
  const times = [event.occurred_at, event.delivered_at, event.published_at, seen?.written_at].map(Number);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(Number(seen?.written_at) - Number(event.occurred_at)).toBeLessThan(5000);
  stream.close();
});

test.each(["as it happens", "to whoever catches up"])(
  "what a reader was cut instead of being sent, %s, is not noted as written",
  async (how) => {
    const stream = await server.stream(bea);
    const [own] = server.streams().filter(({ userId }) => userId === world.cast.bea.id);
    if (!own) throw new Error("there is no such stream");
    if (how !== "as it happens") own.cursor -= 1;
    vi.spyOn(own.connection, "send").mockImplementation(() => own.connection.cut("slow"));
    const seq = await happens();
    await stream.ended;
    expect(await sightingOf(seq)).toBeUndefined();
  },
);

test("what a stream brought later, to somebody who was away, is noted as written but not as live", async () => {
  const seq = await happens();
  expect(await sightingOf(seq)).toBeUndefined();
  const stream = await server.stream(bea, `?lastEventId=${seq - 1}`);
  await stream.next(({ id }) => id === String(seq));
  expect(await sightingOf(seq)).toMatchObject({ live: false, written_at: expect.any(Date) });
  stream.close();
});

test("a browser says how long ago it painted a toast, by its own clock; the first time counts", async () => {
  const stream = await server.stream(bea);
  const seq = await happens();
  await stream.next(({ id }) => id === String(seq));
  const before = Date.now();
  expect((await shown({ shown: `${seq}:0`, late: "" })).status).toBe(204);
  const first = await sightingOf(seq);
  expect(Number(first?.shown_at)).toBeGreaterThanOrEqual(before - 1);
  await shown({ shown: `${seq}:0` });
  expect((await sightingOf(seq))?.shown_at).toEqual(first?.shown_at);
  stream.close();
});

test("nothing is shown before it was there, whatever a browser says", async () => {
  const seq = await happens();
  await shown({ shown: `${seq}:9999999` });
  const { created_at } = await world.db
    .selectFrom("notifications")
    .select("created_at")
    .where("recipient_id", "=", world.cast.bea.id)
    .where("seq", "=", seq)
    .executeTakeFirstOrThrow();
  expect((await sightingOf(seq))?.shown_at).toEqual(created_at);
});

test("what counts for commit to pixel was told live and painted at once: neither what waited nor what was missed", async () => {
  const counted = async () => {
    const texts = await Promise.all(
      server.metrics.map(({ registry }) => registry.getSingleMetricAsString("stockbell_shown_seconds")),
    );
    return texts.reduce((sum, text) => sum + Number(/_count (\d+)/.exec(text)?.[1] ?? 0), 0);
  };
  const before = await counted();
  const missed = await happens();
  await shown({ shown: `${missed}:0` });
  await sightingOf(missed);
  expect(await counted()).toBe(before);
  const stream = await server.stream(bea);
  for (const [field, more] of [
    ["late", 0],
    ["shown", 1],
  ] as const) {
    listing = await publishedListing(world.db, world.cast.sol);
    await watchListing(world.db, world.cast.bea, listing.id);
    const seq = await happens();
    await stream.next(({ id }) => id === String(seq));
    await shown({ [field]: `${seq}:5` });
    await sightingOf(seq);
    expect([field, await counted()]).toEqual([field, before + more]);
  }
  stream.close();
});

test("nobody can speak of somebody else's numbers, of none, or nonsense", async () => {
  const seq = await happens();
  const otto = await server.signIn(world.cast.otto);
  await shown({ shown: `${seq + 50}:0 x:y 1 : 2 -5:3 99999999999999999999:1` });
  await shown({ shown: `${seq}:0` }, otto);
  expect(await sightingOf(seq)).toBeUndefined();
  expect(await sightingOf(seq + 50)).toBeUndefined();
  expect((await shown({ shown: "1:1" }, "")).status).toBe(401);
  expect(
    (await server.post("/stream/shown", bea, { shown: `${seq}:0` }, { "Sec-Fetch-Site": "cross-site" })).status,
  ).toBe(403);
});

test("the beacon does not prolong a session", async () => {
  const read = () => world.db.selectFrom("sessions").select(["sid", "expire"]).orderBy("sid").execute();
  const before = await read();
  await shown({ shown: "1:1" });
  expect(await read()).toEqual(before);
});

test("a person who tells of thousands keeps nobody else from being noted", async () => {
  const seq = await happens();
  const otto = await server.signIn(world.cast.otto);
  const flood = Array.from({ length: 400 }, (_, n) => `${n}:0`).join(" ");
  const answers = await Promise.all(Array.from({ length: 8 }, () => shown({ shown: flood }, otto)));
  expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(204));
  await shown({ shown: `${seq}:0` });
  expect(await sightingOf(seq)).toMatchObject({ shown_at: expect.any(Date) });
});

describe("with a database that others hold up", () => {
  // What the server's own hubs have to note is not to be held up as well.
  const hubsHaveNoted = async () => {
    for (const hub of server.hubs) await hub.sightings.flush();
  };
  beforeEach(hubsHaveNoted);
  const ours = () => {
    const sightings = createSightings({ ...world, metrics: createMetrics() });
    return { ...sightings, [Symbol.asyncDispose]: sightings.stop };
  };
  const heldUp = (count: number) =>
    vi.waitFor(async () => {
      const { rows } = await sql`
        select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`.execute(world.db);
      expect(rows).toHaveLength(count);
    });

  test("no more waits to be noted than comes in a second", async () => {
    const userId = world.cast.bea.id;
    const event = await lastEvent();
    const rows = sql`select n, ${event} + n from generate_series(1, 1500) n`;
    await sql`
      insert into events (kind, data, delivered_at) select 'listing_updated', '{}', now() from generate_series(1, 1500)`.execute(
      world.db,
    );
    await sql`
      insert into notifications (recipient_id, seq, event_id, reason)
      select ${userId}, 10000 + given.n, id, 'watching' from (${rows}) given (n, id)`.execute(world.db);
    await using sightings = ours();
    const flushed: Promise<void>[] = [];
    await world.db.transaction().execute(async (trx) => {
      await sql`lock table sightings in exclusive mode`.execute(trx);
      for (let from = 1; from <= 1500; from += 500) {
        for (let n = from; n < from + 500; n += 1) sightings.written(userId, 10_000 + n, true);
        flushed.push(sightings.flush());
        await heldUp(1);
      }
    });
    await Promise.all(flushed);
    const { seqs } = await world.db
      .selectFrom("sightings")
      .select(sql<string>`min(seq) || ' ' || max(seq) || ' ' || count(*)`.as("seqs"))
      .where("seq", ">", 10_000)
      .executeTakeFirstOrThrow();
    expect(seqs).toBe("10001 11000 1000");
  });

  test("two processes that hear of the same events in another order do not end each other", async () => {
    const before = await happens();
    const first = await lastEvent();
    listing = await publishedListing(world.db, world.cast.sol);
    await watchListing(world.db, world.cast.bea, listing.id);
    const seq = await happens();
    const second = await lastEvent();
    await hubsHaveNoted();
    await sql`update events set published_at = null where id in (${first}, ${second})`.execute(world.db);
    await sql`delete from sightings where seq in (${before}, ${seq})`.execute(world.db);
    await using one = ours();
    await using other = ours();
    const flushed: Promise<void>[] = [];
    await world.db.transaction().execute(async (trx) => {
      await sql`select from events where id = ${first} for no key update`.execute(trx);
      for (const [sightings, ids, told] of [
        [one, [first, second], before],
        [other, [second, first], seq],
      ] as const) {
        for (const id of ids) sightings.published(id, Date.now());
        sightings.written(world.cast.bea.id, told, true);
        flushed.push(sightings.flush());
        await heldUp(flushed.length);
      }
    });
    await Promise.all(flushed);
    expect([await sightingOf(before), await sightingOf(seq)]).toMatchObject([{ live: true }, { live: true }]);
  });
});
