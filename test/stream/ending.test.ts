import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { startWorker } from "../../src/runner.ts";
import { createPerson, PASSWORD, publishedListing } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import { named, type SseClient } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

// Two web processes' worth of servers on one Redis, and a worker that runs: what one server ends must end on the other.
let world: World;
let here: TestServer;
let there: TestServer;
let worker: { stop(): Promise<void> };

beforeAll(async () => {
  world = await createWorld({ redis: true });
  here = await serve(world);
  there = await serve(world);
  worker = await startWorker(world);
});
afterAll(async () => {
  await worker.stop();
  await here.close();
  await there.close();
  await world.close();
});

type Listener = { person: Viewer; cookie: string; streams: SseClient[] };

async function listener(): Promise<Listener> {
  const person = await createPerson(world.db, { role: "buyer" });
  const cookie = await here.signIn(person);
  return { person, cookie, streams: [await here.stream(cookie), await there.stream(cookie)] };
}

async function expectEnded({ person, streams, cookie }: Listener, began: number): Promise<void> {
  for (const stream of streams) {
    await stream.next(named("signed-out"), 3000);
    await stream.ended;
  }
  expect(Date.now() - began).toBeLessThan(2000);
  await expectSilence(person, streams);
  expect((await fetch(`${there.url}/stream`, { headers: { Cookie: cookie } })).status).toBe(401);
}

/** Something happens that the person watches, and somebody else hears of it: the ended streams do not. */
async function expectSilence(person: Viewer, streams: SseClient[]): Promise<void> {
  const listing = await publishedListing(world.db, world.cast.sol);
  const witness = await listener();
  await watchListing(world.db, person, listing.id).catch(() => {});
  await watchListing(world.db, witness.person, listing.id);
  const before = streams.map((stream) => stream.events.length);
  await withdrawListing(world.db, world.cast.sol, listing);
  await witness.streams[1]?.next(named("toast"));
  expect(streams.map((stream) => stream.events.length)).toEqual(before);
  for (const stream of witness.streams) stream.close();
}

test("S-09: sign-out ends the session's streams on every web process within two seconds", async () => {
  const bea = await listener();
  const began = Date.now();
  expect((await here.post("/sign-out", bea.cookie)).status).toBe(303);
  await expectEnded(bea, began);
});

test("S-09: a session that is ended from another one loses its streams; the other keeps its own", async () => {
  const bea = await listener();
  const elsewhere = await there.signIn(bea.person);
  const kept = await there.stream(elsewhere);
  const sid = /s:([^.]+)\./.exec(decodeURIComponent(bea.cookie))?.[1];
  const page = await (await fetch(`${there.url}/account`, { headers: { Cookie: elsewhere } })).text();
  const ends = [...page.matchAll(/action="(\/account\/sessions\/[^"]+\/end)"/g)].map((match) => match[1] ?? "");
  expect(page).not.toContain(sid);
  expect(ends.length).toBeGreaterThan(0);
  const began = Date.now();
  await there.post(ends.at(-1) ?? "", elsewhere);
  await expectEnded(bea, began);
  expect(kept.events.filter(named("signed-out"))).toEqual([]);
  kept.close();
});

test("S-09: a session that is deleted from the store loses its streams by the sweep, even if nobody says so", async () => {
  const bea = await listener();
  await sql`delete from sessions where sess -> 'passport' ->> 'user' = ${String(bea.person.id)}`.execute(world.db);
  for (const stream of bea.streams) await stream.next(named("signed-out"), 7000);
});

test("S-09: a changed password ends the person's other sessions and their streams, and not this one's", async () => {
  const bea = await listener();
  const elsewhere = await there.signIn(bea.person);
  const kept = await there.stream(elsewhere);
  const began = Date.now();
  const fields = { current: PASSWORD, password: "another-long-password", new: "another-long-password" };
  const answer = await there.post("/account/password", elsewhere, fields);
  expect(answer.status).toBe(303);
  await expectEnded(bea, began);
  expect(kept.events.filter(named("signed-out"))).toEqual([]);
  kept.close();
});

test("S-09: somebody suspended, or given another role, loses the streams that the old right opened", async () => {
  const suspended = await listener();
  const changed = await listener();
  await world.db.updateTable("users").set({ status: "suspended" }).where("id", "=", suspended.person.id).execute();
  await world.db.updateTable("users").set({ role: "seller" }).where("id", "=", changed.person.id).execute();
  for (const stream of [...suspended.streams, ...changed.streams]) await stream.next(named("signed-out"), 7000);
});

test("S-09: a session that runs out ends its streams within two seconds; one that is prolonged meanwhile does not", async () => {
  const bea = await createPerson(world.db, { role: "buyer" });
  const otto = await createPerson(world.db, { role: "buyer" });
  const cookies = [await here.signIn(bea), await here.signIn(otto)];
  const expire = (person: Viewer, at: Date) =>
    sql`update sessions set expire = ${at} where sess -> 'passport' ->> 'user' = ${String(person.id)}`.execute(
      world.db,
    );
  const soon = new Date(Date.now() + 1500);
  await expire(bea, soon);
  await expire(otto, soon);
  const [beas = [], ottos = []] = await Promise.all(
    cookies.map((cookie) => Promise.all([here.stream(cookie), there.stream(cookie)])),
  );
  await expire(otto, new Date(Date.now() + 3_600_000));
  await Promise.all(beas.map((stream) => stream.next(named("signed-out"), 5000)));
  expect(Date.now() - soon.getTime()).toBeLessThan(2000);
  expect(ottos.flatMap((stream) => stream.events.filter(named("signed-out")))).toEqual([]);
  for (const stream of ottos) stream.close();
});

test("S-10: neither a stream nor polling prolongs a session, and an ended stream brings none back", async () => {
  const bea = await listener();
  const expiry = async () =>
    (
      await sql`select expire from sessions where sess -> 'passport' ->> 'user' = ${String(bea.person.id)}`.execute(
        world.db,
      )
    ).rows;
  const before = await expiry();
  await fetch(`${here.url}/stream/fallback?after=0`, { headers: { Cookie: bea.cookie } });
  const third = await here.stream(bea.cookie);
  third.close();
  expect(await expiry()).toEqual(before);
  await sql`delete from sessions where sess -> 'passport' ->> 'user' = ${String(bea.person.id)}`.execute(world.db);
  await Promise.all(bea.streams.map((stream) => stream.ended));
  expect(await expiry()).toEqual([]);
});
