import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { sql } from "kysely";
import pg from "pg";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { backUp } from "../src/backup.ts";
import { enquire } from "../src/marketplace/enquiries.ts";
import { findListings, type ListingView } from "../src/marketplace/listings.ts";
import { reserveListing } from "../src/marketplace/reservations.ts";
import { watchListing } from "../src/marketplace/watches.ts";
import { withdrawListing } from "../src/marketplace/withdrawal.ts";
import { readHead } from "../src/notifications/heads.ts";
import { addJob } from "../src/queue.ts";
import { restore } from "../src/restore.ts";
import { publishedListing } from "./cast.ts";
import { startProcess } from "./processes.ts";
import { serve } from "./server.ts";
import { named, openSse } from "./sse.ts";
import { createWorld, type World } from "./world.ts";

const JUMP = 1_000_000;

let world: World;
let folder: string;
let file: string;
beforeEach(async () => {
  world = await createWorld({ demo: true });
  await world.drain();
  folder = await mkdtemp(path.join(tmpdir(), "stockbell-backup-"));
  file = path.join(folder, "all.gz");
});
afterEach(async () => {
  await world.close();
  await rm(folder, { recursive: true });
});

async function asAdmin(...statements: string[]): Promise<void> {
  const admin = new pg.Client(inject("adminUrl"));
  await admin.connect();
  for (const statement of statements) await admin.query(statement);
  await admin.end();
}

/** The world's database is lost, with all that it had, and there is an empty one in its place. */
async function loseDatabase(): Promise<void> {
  const name = new URL(world.databaseUrl).pathname.slice(1);
  await asAdmin(`drop database ${name} with (force)`, `create database ${name}`);
}

/** Every row of every table, each as text, and every job: but for the sessions and what says when it was migrated. */
async function everything(): Promise<Record<string, string[]>> {
  const { rows: tables } = await sql<{ name: string }>`
    select relname as name from pg_class
    where relnamespace = 'public'::regnamespace and relkind = 'r' and relname !~ '^(sessions$|kysely_)'`.execute(
    world.db,
  );
  const found: Record<string, string[]> = {};
  for (const { name } of tables) {
    const { rows } = await sql<{ row: string }>`
      select to_jsonb(given)::text as row from ${sql.table(name)} given order by 1`.execute(world.db);
    found[name] = rows.map(({ row }) => row);
  }
  const { rows: jobs } = await sql<{ row: string }>`
    select jsonb_build_array(identifier, payload, run_at, attempts, max_attempts, key, last_error, locked_at)::text as row
    from graphile_worker._private_jobs jobs join graphile_worker._private_tasks tasks on tasks.id = task_id
    order by jobs.id`.execute(world.db);
  return { ...found, jobs: jobs.map(({ row }) => row) };
}

/** An inbox without what jumps, and the numbers that do. */
function apart(row: string) {
  const { last_seq: last, floor_seq: floor, revision, ...inbox } = JSON.parse(row);
  return { inbox, last, floor, revision };
}

async function present({ id }: { id: number }): Promise<ListingView> {
  const [listing] = await findListings(world.db, [id]);
  if (!listing) throw new Error("it is not there");
  return listing;
}

/** What is hard to carry from one database to another. */
async function addOddities(listing: ListingView): Promise<void> {
  const { db, cast } = world;
  await enquire(
    db,
    cast.otto,
    listing.id,
    "Two lines\nand a third\u2028and \u2029 \"quotes\" \\ 'more' \u0001 🔔 {} </script>",
  );
  await sql`
    insert into throttles (key, level, free_at, touched_at)
    values ('odd', 0.1::float8 + 0.2::float8, '-infinity', '2026-11-28 01:02:03.456789+00')`.execute(db);
  await sql`insert into audit_log (action, details) values ('signed_in', '{"big": 12345678901234567890.5}')`.execute(
    db,
  );
  // A number that has been given out and is not there any more.
  await sql`with gone as (insert into events (kind, data) values ('announcement', '{}') returning id)
    select setval(pg_get_serial_sequence('events', 'id'), id) from gone`.execute(db);
  await sql`delete from events where kind = 'announcement'`.execute(db);
}

async function lastNumber(table: string): Promise<number> {
  const { rows } = await sql<{ last: number }>`
    select pg_sequence_last_value(pg_get_serial_sequence(${table}, 'id')::regclass) as last`.execute(world.db);
  return rows[0]?.last ?? 0;
}

/** Until the web process has noted when what was delivered, from a listing's first event on, was published: it does each second. */
async function noted({ hub }: Awaited<ReturnType<typeof serve>>, listing: number): Promise<void> {
  const missing = sql`
    select from events where delivered_at is not null and published_at is null
      and id >= (select min(id) from events where listing_id = ${listing})`;
  await expect
    .poll(async () => {
      await hub.sightings.flush();
      return (await missing.execute(world.db)).rows.length;
    })
    .toBe(0);
}

test("a site comes back from its back-up as it was: every row, the jobs that waited, and nobody takes old numbers for new ones", async () => {
  const { db, cast } = world;
  const server = await serve(world);
  const listing = await publishedListing(db, cast.sol);
  await watchListing(db, cast.bea, listing.id);
  await addOddities(listing);
  await world.drain();
  const cookie = await server.signIn(cast.bea);
  const open = await server.stream(cookie);
  await reserveListing(db, cast.sol, await present(listing), { buyerId: cast.bea.id, hours: 1 });
  // Its time is over before anybody could do anything about it.
  await sql`update reservations set expires_at = now() where listing_id = ${listing.id}`.execute(db);
  await sql`update graphile_worker._private_jobs set run_at = now() - interval '1 second'`.execute(db);
  await addJob(db, "announce_marks", { userId: cast.bea.id, seqs: [1] }, { delayMs: 3_600_000, key: "a key" });
  await sql`update graphile_worker._private_jobs set attempts = 3, locked_at = now(), locked_by = 'me' where key = 'a key'`.execute(
    db,
  );

  await noted(server, listing.id);
  const counts = await backUp(world.config, file);
  const before = await everything();
  const eventsBefore = await lastNumber("events");
  expect(counts.listings).toBe(before.listings?.length);
  expect(((await stat(file)).mode & 0o777).toString(8)).toBe("600");

  const headBefore = await readHead(db, cast.bea.id);
  expect(headBefore.unread).toBeGreaterThan(0);
  await sql`update graphile_worker._private_jobs set locked_at = null, locked_by = null`.execute(db);
  for (let n = 0; n < 3; n += 1) {
    const more = await publishedListing(db, cast.sol);
    await watchListing(db, cast.bea, more.id);
    await withdrawListing(db, cast.sol, more);
  }
  await world.drain();
  const old = open.seqs().at(-1) ?? 0;
  expect(old).toBeGreaterThan(headBefore.lastSeq);

  await noted(server, listing.id);
  await loseDatabase();
  const began = Date.now();
  await restore(world.config, file);
  const after = await everything();
  const { inboxes, jobs, ...rest } = before;
  expect({ ...after, inboxes: undefined, jobs: undefined }).toEqual({ ...rest, inboxes: undefined, jobs: undefined });
  const [kept, jumped] = [inboxes, after.inboxes].map((rows) => rows?.map(apart) ?? []);
  expect(jumped?.map(({ inbox }) => inbox)).toEqual(kept?.map(({ inbox }) => inbox));
  for (const { last, floor, revision } of jumped ?? []) {
    expect(last).toBe(floor);
    expect(Math.min(last, revision)).toBeGreaterThanOrEqual(began);
  }
  const lockedAgo = (row: string) => row.replace(/, 3, 8, "a key", null, ".*"\]$/, ', 2, 8, "a key", null, null]');
  expect(after.jobs).toEqual(jobs?.map(lockedAgo));
  expect(after.jobs?.some((row) => row.includes("expire_reservation"))).toBe(true);
  expect(await db.selectFrom("sessions").select("sid").execute()).toEqual([]);
  await open.next(named("signed-out"));

  expect((await fetch(`${server.url}/account`, { headers: { Cookie: cookie }, redirect: "manual" })).status).toBe(303);
  const again = await server.signIn(cast.bea);
  const back = await openSse(`${server.url}/stream`, { cookie: again, lastEventId: String(old) });
  const last = (await readHead(db, cast.bea.id)).lastSeq;
  expect(JSON.parse((await back.next(named("hello"))).data)).toMatchObject({ state: "reset", replayed: 0, last });
  await world.drain();
  expect(await present(listing)).toMatchObject({ status: "available", reservedFor: null });
  await back.next(({ event, id }) => event === "toast" && Number(id) > last);
  expect(back.seqs().every((seq) => seq > last)).toBe(true);
  const fresh = await publishedListing(db, cast.sol);
  await watchListing(db, cast.bea, fresh.id);
  await withdrawListing(db, cast.sol, fresh);
  await world.drain();
  await back.next(({ event, data }) => event === "toast" && data.includes(fresh.title));
  const { rows } = await sql<{ first: number }>`select min(id) as first from events where id > ${eventsBefore}`.execute(
    db,
  );
  expect(rows[0]?.first).toBe(eventsBefore + JUMP + 1);
  back.close();
  await server.close();
});

test("whatever a table's triggers did, they do again afterwards; the audit log can be added to and not changed", async () => {
  const { db, cast } = world;
  const [thread] = await db.selectFrom("enquiries").selectAll().where("waiting_since", "is", null).execute();
  await backUp(world.config, file);
  await restore(world.config, file, new URL(world.databaseUrl).pathname.slice(1));
  expect(
    await db
      .selectFrom("enquiries")
      .selectAll()
      .where("id", "=", thread?.id ?? 0)
      .execute(),
  ).toEqual([thread]);
  await db
    .insertInto("messages")
    .values({ enquiry_id: thread?.id ?? 0, author_id: thread?.buyer_id ?? 0, body: "Still there?" })
    .execute();
  const moved = await db
    .selectFrom("enquiries")
    .selectAll()
    .where("id", "=", thread?.id ?? 0)
    .executeTakeFirstOrThrow();
  expect(moved.waiting_since).not.toBeNull();
  await sql`insert into audit_log (action, subject_id) values ('signed_in', ${cast.bea.id})`.execute(db);
  await expect(sql`update audit_log set action = 'suspended'`.execute(db)).rejects.toThrow("only added to");
});

test("a back-up that is restored a second time gives nothing out again that was given out after the first", async () => {
  const { db, cast } = world;
  const name = new URL(world.databaseUrl).pathname.slice(1);
  await backUp(world.config, file);
  const given: { listing: number; event: number; job: number; seq: number }[] = [];
  for (let time = 0; time < 3; time += 1) {
    if (time > 0) await restore(world.config, file, name);
    const listing = await publishedListing(db, cast.sol);
    await watchListing(db, cast.bea, listing.id);
    await withdrawListing(db, cast.sol, listing);
    const { rows } = await sql<{ job: number }>`select max(id) as job from graphile_worker._private_jobs`.execute(db);
    await world.drain();
    given.push({
      listing: listing.id,
      event: await lastNumber("events"),
      job: rows[0]?.job ?? 0,
      seq: (await readHead(db, cast.bea.id)).lastSeq,
    });
  }
  for (const of of ["listing", "event", "job", "seq"] as const) {
    const numbers = given.map((each) => each[of]);
    expect(numbers, of).toEqual([...new Set(numbers)].toSorted((a, b) => a - b));
  }
});

test("it takes an owner of the database who is no superuser", async () => {
  const name = `${new URL(world.databaseUrl).pathname.slice(1)}_own`;
  const owned = Object.assign(new URL(world.databaseUrl), { pathname: `/${name}`, username: name, password: "theirs" });
  await asAdmin(`create role ${name} login password 'theirs'`, `create database ${name} owner ${name}`);
  try {
    await backUp(world.config, file);
    const config = { ...world.config, databaseUrl: owned.href };
    await restore(config, file);
    const again = `${file}.again`;
    const counts = await backUp(config, again);
    expect(counts.users).toBe(5);
    expect((await restore(config, again, name)).tables.find((table) => table.name === "users")?.rows).toBe(5);
  } finally {
    await asAdmin(`drop database ${name} with (force)`, `drop role ${name}`);
  }
});

test("by the commands: a back-up overwrites nothing, and restoring in the place of something takes the database's name", async () => {
  const env = { DATABASE_URL: world.databaseUrl };
  const name = new URL(world.databaseUrl).pathname.slice(1);
  const run = async (command: string, ...args: string[]) => {
    const started = await startProcess(`src/${command}.ts`, { env, args });
    return { ...(await started.exited), said: started.logs().trim() };
  };
  expect(await run("backup", file)).toMatchObject({
    code: 0,
    said: expect.stringMatching(/^\S+ has \d+ rows of \d+ tables/),
  });
  const written = await readFile(file);
  expect(await run("backup", file)).toEqual({
    ...{ code: 1, signal: null },
    said: `There is no back-up: ${file} is there already, and a back-up overwrites nothing`,
  });
  expect(await readFile(file)).toEqual(written);
  expect(await run("backup")).toMatchObject({
    code: 1,
    said: expect.stringMatching(/^There is no back-up: say which file/),
  });

  const before = await everything();
  for (const [said, ...args] of [
    [`there are people in the database already: what it has is lost with --replace ${name}`, file],
    [`the database is ${name}, and another was to be replaced`, file, "--replace", "another"],
    [`say which file: npm run restore -- file [--replace database]`],
    [
      `${folder}/none cannot be read as a whole back-up (ENOENT: no such file or directory, open '${folder}/none')`,
      `${folder}/none`,
    ],
  ]) {
    expect(await run("restore", ...args)).toEqual({ code: 1, signal: null, said: `Nothing is restored: ${said}` });
  }
  expect(await everything()).toEqual(before);
  await publishedListing(world.db, world.cast.sol);
  expect(await run("restore", file, "--replace", name)).toMatchObject({
    code: 0,
    said: expect.stringMatching(/^All is as it was at .*Everybody has to sign in again\.$/),
  });
  expect((await everything()).listings).toEqual(before.listings);
}, 60_000);

test("what is not whole, not of this release or not a back-up is refused in one line, and changes nothing", async () => {
  await backUp(world.config, file);
  const whole = await readFile(file);
  const lines = gunzipSync(whole).toString().split("\n");
  const header = JSON.parse(lines[0] ?? "");
  const other = {
    ...header,
    migrations: { ...header.migrations, ours: [...header.migrations.ours, "2027-01-01-later"] },
  };
  const older = { ...header, migrations: { ...header.migrations, queue: header.migrations.queue.slice(0, -1) } };
  const wrong: [string, Buffer, RegExp][] = [
    ["half of it", whole.subarray(0, whole.length / 2), /cannot be read as a whole back-up \(unexpected end of file\)/],
    ["its last bytes missing", whole.subarray(0, -12), /cannot be read as a whole back-up/],
    ["one byte changed", flipped(whole), /cannot be read as a whole back-up/],
    ["its last line missing", zipped(lines.slice(0, -2)), /is not a whole back-up/],
    ["a row missing", zipped([...lines.slice(0, 3), ...lines.slice(4)]), /is not a whole back-up/],
    ["a row too many", zipped([...lines.slice(0, 3), ...lines.slice(2)]), /is not a whole back-up/],
    [
      "of a later release",
      zipped([JSON.stringify(other), ...lines.slice(1)]),
      /of another release: .*2027-01-01-later/,
    ],
    ["of another queue", zipped([JSON.stringify(older), ...lines.slice(1)]), /of another release/],
    ["something else", gzipSync("hello\n"), /is not a back-up of Stockbell/],
    ["empty", Buffer.alloc(0), /is not a back-up of Stockbell|cannot be read/],
    ["not packed", Buffer.from("hello"), /cannot be read as a whole back-up \(incorrect header check\)/],
  ];
  const name = new URL(world.databaseUrl).pathname.slice(1);
  const before = await everything();
  for (const [what, bytes, said] of wrong) {
    await writeFile(file, bytes);
    const refused = restore(world.config, file, name);
    await expect(refused, what).rejects.toThrow(said);
    await expect(refused, what).rejects.toThrow(/^[^\n]+$/);
  }
  expect(await everything()).toEqual(before);
  await loseDatabase();
  await expect(restore(world.config, file)).rejects.toThrow();
  const { rows } = await sql`select from pg_class where relnamespace = 'public'::regnamespace`.execute(world.db);
  expect(rows).toEqual([]);
});

test("what goes wrong half-way leaves all as it was, by either command", async () => {
  await backUp(world.config, file);
  const lines = gunzipSync(await readFile(file))
    .toString()
    .split("\n");
  const at = lines.findLastIndex((line) => line.startsWith('{"recipient_id":'));
  const broken = lines[at]?.replace(/"event_id":\d+/, '"event_id":987654') ?? "";
  expect(broken).not.toBe(lines[at]);
  await writeFile(file, zipped(lines.with(at, broken)));
  const before = await everything();
  await expect(restore(world.config, file, new URL(world.databaseUrl).pathname.slice(1))).rejects.toThrow(
    /violates foreign key constraint/,
  );
  expect(await everything()).toEqual(before);
  const elsewhere = path.join(folder, randomBytes(4).toString("hex"));
  const nowhere = { ...world.config, databaseUrl: `${world.databaseUrl}_none` };
  await expect(backUp(nowhere, elsewhere)).rejects.toThrow(/does not exist/);
  await expect(stat(elsewhere)).rejects.toThrow(/ENOENT/);
});

function zipped(lines: string[]): Buffer {
  return gzipSync(lines.join("\n"));
}

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  const at = copy.length >> 1;
  copy[at] = (copy[at] ?? 0) ^ 0xff;
  return copy;
}
