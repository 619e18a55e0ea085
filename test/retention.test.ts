import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { reserveListing } from "../src/marketplace/reservations.ts";
import { watchListing } from "../src/marketplace/watches.ts";
import { readHead } from "../src/notifications/heads.ts";
import { archive, markRead, markSeen } from "../src/notifications/marks.ts";
import { addJob } from "../src/queue.ts";
import { timetable } from "../src/timetable.ts";
import { createCrowd, publishedListing } from "./cast.ts";
import { tellOld, untrueInboxes } from "./old-news.ts";
import { startProcess, until } from "./processes.ts";
import { serve } from "./server.ts";
import { named, openSse } from "./sse.ts";
import { createWorld, type World } from "./world.ts";

const DAYS = 400;

let world: World;
beforeEach(async () => {
  world = await createWorld({ redis: true });
});
afterEach(() => world.close());

/** Deletes all that is old, as the job and its successors do. */
async function deleteAll(): Promise<void> {
  await addJob(world.db, "delete_old", {});
  for (;;) {
    await world.drain();
    const { rows } = await sql`
      update graphile_worker._private_jobs set run_at = now()
      where task_id = (select id from graphile_worker._private_tasks where identifier = 'delete_old') returning 1`.execute(
      world.db,
    );
    if (rows.length === 0) return;
  }
}

async function seqsOf(userId: number): Promise<number[]> {
  const rows = await world.db
    .selectFrom("notifications")
    .select("seq")
    .where("recipient_id", "=", userId)
    .orderBy("seq")
    .execute();
  return rows.map(({ seq }) => seq);
}

test("what is older than is kept goes, read or not, and takes its count with it; what is younger stays", async () => {
  const { bea, otto } = world.cast;
  await tellOld(world, [bea.id, otto.id], 30, 20);
  await sql`update notifications set created_at = now() where recipient_id = ${otto.id}`.execute(world.db);
  await markRead(world.db, bea.id, 3, true);
  await archive(world.db, bea.id, 4, true);
  await markRead(world.db, bea.id, 25, true);
  await markSeen(world.db, bea.id, 22);
  const before = await readHead(world.db, bea.id);
  expect(before).toMatchObject({ unread: 27, unseen: 7, lastSeq: 30, floorSeq: 0 });
  const ottos = await readHead(world.db, otto.id);
  await deleteAll();
  expect(await seqsOf(bea.id)).toEqual([21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
  expect(await readHead(world.db, bea.id)).toMatchObject({
    unread: 9,
    unseen: 7,
    seenSeq: 22,
    lastSeq: 30,
    floorSeq: 20,
  });
  expect((await readHead(world.db, bea.id)).revision).toBeGreaterThan(before.revision);
  expect(await seqsOf(otto.id)).toHaveLength(30);
  expect(await readHead(world.db, otto.id)).toEqual(ottos);
  expect(await untrueInboxes(world)).toEqual([]);
});

test("one day younger stays, and RETENTION_DAYS says how long; numbers go on where they were when all have gone", async () => {
  const { bea } = world.cast;
  await tellOld(world, [bea.id], 5, 5, DAYS - 1);
  await deleteAll();
  expect(await seqsOf(bea.id)).toEqual([1, 2, 3, 4, 5]);
  world.config.retentionDays = 30;
  await deleteAll();
  expect(await seqsOf(bea.id)).toEqual([]);
  expect(await readHead(world.db, bea.id)).toMatchObject({ unread: 0, unseen: 0, lastSeq: 5, floorSeq: 5 });
  const listing = await publishedListing(world.db, world.cast.sol);
  await watchListing(world.db, bea, listing.id);
  await reserveListing(world.db, world.cast.sol, listing, { buyerId: bea.id, hours: 1 });
  await world.drain();
  expect(await seqsOf(bea.id)).toEqual([6]);
});

test("of an inbox only the oldest go: nothing is missing above its floor, though a clock was set back", async () => {
  const { bea } = world.cast;
  await tellOld(world, [bea.id], 9, 3);
  await sql`update notifications set created_at = now() - interval '500 days' where seq in (6, 7)`.execute(world.db);
  await deleteAll();
  expect(await seqsOf(bea.id)).toEqual([4, 5, 6, 7, 8, 9]);
  expect(await untrueInboxes(world)).toEqual([]);
});

test("an event goes when it is old and nobody's notification tells of it; not while it waits to be delivered", async () => {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol);
  await world.drain();
  const { rows } = await sql<{ id: number; title: string }>`
    insert into events (kind, actor_id, listing_id, data, occurred_at, delivered_at)
    select 'listing_withdrawn', ${cast.sol.id}, ${listing.id},
      jsonb_build_object('title', title, 'sellerId', ${cast.sol.id}::bigint, 'buyerId', null), now() - age, now() - delivered
    from (values
      ('old', interval '401 days', interval '401 days'), ('young', '399 days', '399 days'),
      ('told', '401 days', '1 day'), ('waiting', '401 days', null)
    ) given (title, age, delivered) returning id, data ->> 'title' as title`.execute(db);
  const ids = Object.fromEntries(rows.map(({ id, title }) => [title, id]));
  await addJob(db, "deliver_alone", { eventId: ids.waiting ?? 0 }, { delayMs: 60_000 });
  await sql`
    update events set left_lane_at = now() where id = ${ids.waiting}`.execute(db);
  await sql`with bumped as (update inboxes set last_seq = 1, unread = 1, unseen = 1 where user_id = ${cast.bea.id})
    insert into notifications (recipient_id, seq, event_id, reason) values (${cast.bea.id}, 1, ${ids.told}, 'watching')`.execute(
    db,
  );
  await watchListing(db, cast.otto, listing.id);
  await deleteAll();
  const left = await db
    .selectFrom("events")
    .select("id")
    .where("kind", "=", "listing_withdrawn")
    .orderBy("id")
    .execute();
  expect(left.map(({ id }) => id)).toEqual(
    [ids.young, ids.told, ids.waiting].toSorted((a, b) => Number(a) - Number(b)),
  );
  expect(await db.selectFrom("events").select("id").where("kind", "=", "listing_published").execute()).toHaveLength(1);
  await sql`update graphile_worker._private_jobs set run_at = now()`.execute(db);
  await world.drain();
  expect(await seqsOf(cast.otto.id)).toEqual([1]);
});

test("an announcement that is over goes with its event, one that is being sent stays; whom it was not told to goes too", async () => {
  const { db, cast } = world;
  const { rows } = await sql<{ id: number; state: string }>`
    with given (state, age) as (
      values ('sent', interval '401 days'), ('sending', '401 days'), ('recalled', '399 days')
    ), event as (
      insert into events (kind, actor_id, data, occurred_at, delivered_at)
      select 'announcement', ${cast.ada.id}, jsonb_build_object('title', state, 'text', '', 'to', 'buyer'),
        now() - age, now() - age from given returning id, occurred_at, data ->> 'title' as state
    )
    insert into announcements (token, event_id, audience, state, total, last_user_id, created_at)
    select gen_random_uuid(), id, 'buyer', state, 1, 1, occurred_at from event returning event_id as id, state`.execute(
    db,
  );
  for (const { id } of rows) {
    await sql`insert into refusals values (${id}, ${cast.otto.id}, 'announced_to_buyers', 'suspended')`.execute(db);
  }
  await deleteAll();
  const left = await db.selectFrom("announcements").select("state").orderBy("state").execute();
  expect(left.map(({ state }) => state)).toEqual(["recalled", "sending"]);
  const kept = rows.filter(({ state }) => state !== "sent").map(({ id }) => id);
  for (const table of ["events", "refusals"] as const) {
    const column = table === "events" ? "id" : "event_id";
    const found = await sql<{ id: number }>`
      select ${sql.ref(column)} as id from ${sql.table(table)} where ${sql.ref(column)} = any(${rows.map(({ id }) => id)})`.execute(
      db,
    );
    expect(found.rows.map(({ id }) => id).sort(), table).toEqual(kept.sort());
  }
});

test("what refers to events in the database goes with them or before them: whatever else comes to do so must be asked", async () => {
  const { rows } = await sql<{ from: string }>`
    select conrelid::regclass::text as from from pg_constraint
    where contype = 'f' and confrelid = 'events'::regclass order by 1`.execute(world.db);
  expect(rows.map(({ from }) => from)).toEqual(["announcements", "notifications", "refusals"]);
});

test("counts of tries go after a day, the audit log after 400, and nobody can delete of it what is younger", async () => {
  const { db } = world;
  await sql`
    insert into throttles (key, level, free_at, touched_at)
    values ('old', 1, '-infinity', now() - interval '25 hours'), ('young', 1, '-infinity', now() - interval '23 hours')`.execute(
    db,
  );
  await sql`
    insert into audit_log (action, at)
    select 'signed_in', now() - days * interval '1 day' from (values (401), (399), (1)) given (days)`.execute(db);
  world.config.retentionDays = 30;
  await deleteAll();
  expect(await db.selectFrom("throttles").select("key").execute()).toEqual([{ key: "young" }]);
  const kept = await db.selectFrom("audit_log").select("at").orderBy("at").execute();
  expect(kept.map(({ at }) => Math.round((Date.now() - at.getTime()) / 86_400_000))).toEqual([399, 1]);
  await expect(sql`delete from audit_log`.execute(db)).rejects.toThrow("the audit log is only added to");
  expect(await db.selectFrom("audit_log").select("at").execute()).toHaveLength(2);
});

test("R-13: a stream from before what is kept is reset, one from there on resumes; who looks on sees the count fall", async () => {
  const { bea, otto } = world.cast;
  const server = await serve(world);
  try {
    await tellOld(world, [bea.id, otto.id], 20, 12);
    await sql`update notifications set created_at = now() where recipient_id = ${otto.id}`.execute(world.db);
    const [beas, ottos] = [await server.signIn(bea), await server.signIn(otto)];
    const looking = await server.stream(beas, "?lastEventId=20");
    await deleteAll();
    await looking.next(({ event, data }) => event === "inbox" && /id="badge" data-count="8"/.test(data));
    const states = async (cookie: string, cursors: number[]) => {
      const found = [];
      for (const cursor of cursors) {
        const stream = await openSse(`${server.url}/stream`, { cookie, lastEventId: String(cursor) });
        const { state, replayed } = JSON.parse((await stream.next(named("hello"))).data);
        found.push(`${state} ${replayed}`);
        stream.close();
      }
      return found;
    };
    expect(await states(beas, [0, 11, 12, 13])).toEqual(["reset 0", "reset 0", "resumed 8", "resumed 7"]);
    expect(await states(ottos, [0, 11, 12, 13])).toEqual(["resumed 20", "resumed 9", "resumed 8", "resumed 7"]);
  } finally {
    await server.close();
  }
});

test("a worker that is killed amid it leaves every count true, and the next one goes on from there", async () => {
  const { db } = world;
  const crowd = (await createCrowd(db, 300)).map(({ id }) => id);
  await tellOld(world, crowd, 60, 50);
  await addJob(db, "delete_old", {});
  const env = { DATABASE_URL: world.databaseUrl, REDIS_URL: world.config.redisUrl };
  const left = [await totalOf("notifications")];
  expect(left).toEqual([18_000]);
  for (let kill = 0; kill < 2; kill += 1) {
    const worker = await startProcess("src/worker.ts", { env });
    await until(async () => (await totalOf("notifications")) < (left.at(-1) ?? 0), 20_000);
    await worker.stop("SIGKILL");
    left.push(await totalOf("notifications"));
    expect(await untrueInboxes(world)).toEqual([]);
  }
  expect(left.at(-1)).toBeGreaterThan(3000);
  const worker = await startProcess("src/worker.ts", { env });
  await until(async () => (await totalOf("notifications")) === 3000, 25_000);
  const { rows } = await sql<{ name: string }>`
    select identifier as name from graphile_worker._private_known_crontabs`.execute(db);
  expect(rows).toContainEqual({ name: "delete_old" });
  await worker.stop();
  expect(await untrueInboxes(world)).toEqual([]);
}, 90_000);

test("it runs every hour at minute 17, by the queue's clock; an older one that failed is replaced", () => {
  const [item] = timetable.filter(({ task }) => task === "delete_old");
  const at = { min: 17, hour: 3, date: 1, month: 1, dow: 0 };
  expect([at, { ...at, hour: 4 }, { ...at, min: 18 }].map((time) => item?.match(time))).toEqual([true, true, false]);
  expect(item?.options.jobKey).toBe("delete_old");
});

async function totalOf(table: "notifications" | "events"): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) from ${sql.table(table)}`.execute(world.db);
  return rows[0]?.count ?? 0;
}
