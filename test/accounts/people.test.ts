import type { Request } from "express";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { findOwnSecurityEvents } from "../../src/accounts/audit.ts";
import { changeRole, endSessionsOf, reinstate, suspend } from "../../src/accounts/people.ts";
import { type LoggedEvent, readEvents } from "../../src/events/log.ts";
import { findListings } from "../../src/marketplace/listings.ts";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { verdictsOn } from "../../src/notifications/audience.ts";
import { store } from "../../src/notifications/store.ts";
import { startWorker } from "../../src/runner.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { until } from "../processes.ts";
import { serve, type TestServer } from "../server.ts";
import { named } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

const req = { ip: "203.0.113.7", id: "request-1" } as unknown as Request;

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

const parts = () => ({ db: world.db, req, admin: world.cast.ada });
const because = ({ id }: Viewer) => ({ userId: id, reason: "Sells what they have not got" });
const statusOf = async (path: string, cookie: string) =>
  (await fetch(here.url + path, { headers: { Cookie: cookie }, redirect: "manual" })).status;

const measures: [string, string, (person: Viewer) => Promise<void>][] = [
  ["suspends", "suspended", (person) => suspend(parts(), because(person))],
  ["gives another role to", "role", (person) => changeRole(parts(), because(person), "seller")],
  ["signs out", "signed-out", (person) => endSessionsOf(parts(), because(person))],
];

test.each(measures)(
  "S-09: whoever an admin %s is out on every web process within two seconds, and somebody else is not",
  async (_does, reason, act) => {
    const [person, other] = [
      await createPerson(world.db, { role: "buyer" }),
      await createPerson(world.db, { role: "buyer" }),
    ];
    const [cookie, others] = [await here.signIn(person), await here.signIn(other)];
    const streams = [await here.stream(cookie), await there.stream(cookie)];
    const kept = await there.stream(others);
    const began = Date.now();
    await act(person);
    for (const stream of streams) {
      const { data } = await stream.next(named("signed-out"), 3_000);
      await stream.ended;
      expect(data).toContain(reason);
    }
    expect(Date.now() - began).toBeLessThan(2_000);
    expect([await statusOf("/account", cookie), await statusOf("/stream", cookie)]).toEqual([303, 401]);
    expect([await statusOf("/account", others), kept.events.filter(named("signed-out"))]).toEqual([200, []]);
    kept.close();
  },
);

test("each measure is in the audit log with its reason, who took it and from where", async () => {
  const person = await createPerson(world.db, { role: "buyer" });
  await suspend(parts(), because(person));
  await reinstate(parts(), { userId: person.id, reason: "It was a mistake" });
  await changeRole(parts(), because(person), "seller");
  const rows = await world.db
    .selectFrom("audit_log")
    .selectAll()
    .where("subject_id", "=", person.id)
    .orderBy("id")
    .execute();
  expect(
    rows.map(({ action, actor_id, address, request_id, details }) => [action, actor_id, address, request_id, details]),
  ).toEqual([
    ["suspended", world.cast.ada.id, "203.0.113.7", "request-1", { reason: "Sells what they have not got" }],
    ["reinstated", world.cast.ada.id, "203.0.113.7", "request-1", { reason: "It was a mistake" }],
    [
      "role_changed",
      world.cast.ada.id,
      "203.0.113.7",
      "request-1",
      { reason: "Sells what they have not got", role: "seller" },
    ],
  ]);
});

test("the person reads what was done to the account, and not from where the admin did it", async () => {
  const person = await createPerson(world.db, { role: "buyer" });
  await here.signIn(person);
  await suspend(parts(), because(person));
  const read = await findOwnSecurityEvents(world.db, person.id, 5);
  expect(read.map(({ words, address }) => [words, address])).toEqual([
    ["The account was suspended", null],
    ["Signed in", "127.0.0.1"],
  ]);
});

test("nobody does it to themselves, nor to somebody who is not there, nor twice", async () => {
  const { ada } = world.cast;
  for (const act of [suspend, reinstate, endSessionsOf])
    await expect(act(parts(), because(ada))).rejects.toThrow("your own account");
  await expect(suspend(parts(), { userId: 999_999, reason: "?" })).rejects.toThrow("There is nothing here.");
  const person = await createPerson(world.db, { role: "buyer" });
  await expect(reinstate(parts(), because(person))).rejects.toThrow("They are not suspended.");
  await expect(changeRole(parts(), because(person), "buyer")).rejects.toThrow("They have this role already.");
});

test("S-23: of two admins at once on the same person one has done it, the other is told so, and the log has it once", async () => {
  const person = await createPerson(world.db, { role: "buyer" });
  const second = await createPerson(world.db, { role: "admin" });
  const both = await Promise.allSettled([
    suspend(parts(), because(person)),
    suspend({ ...parts(), admin: second }, because(person)),
  ]);
  expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  const logged = await world.db.selectFrom("audit_log").select("id").where("subject_id", "=", person.id).execute();
  expect(logged).toHaveLength(1);
});

test("S-23: while news is being stored for many, whoever is suspended is stored nothing once the suspension is done", async () => {
  const { db, cast } = world;
  const people: Viewer[] = [];
  for (let n = 0; n < 30; n++) people.push(await createPerson(db, { role: "buyer" }));
  const listing = await publishedListing(db, cast.sol);
  for (const person of people) await watchListing(db, person, listing.id);
  const [event] = (await readEvents(db).where("events.listing_id", "=", listing.id).execute()) as LoggedEvent[];
  if (!event) throw new Error("nothing was published");
  const told = { ...event, kind: "listing_withdrawn", data: { ...event.data, buyerId: null } } as LoggedEvent;
  const [one] = people;
  if (!one) throw new Error("there is nobody");

  // The first delivery has read who may know and has not written yet; the second comes once the suspension has begun.
  let done = false;
  let suspending: Promise<void> | undefined;
  await db.transaction().execute(async (trx) => {
    await store(trx, told);
    suspending = suspend(parts(), because(one)).then(() => {
      done = true;
    });
    await until(() => waitsForRights());
    expect(done).toBe(false);
  });
  await suspending;
  const before = await numbers(one);
  const listings = await findListings(db, [listing.id]);
  await reserveListing(db, cast.sol, listings[0] ?? listing, { buyerId: cast.bea.id, hours: 1 });
  await until(async () => (await numbers(people[1] as Viewer)) === 2);
  expect([before, await numbers(one)]).toEqual([1, 1]);
  const { rows } = await sql<{
    user_id: number;
  }>`select * from (${verdictsOn(told)}) verdicts where why is null`.execute(db);
  expect(rows.map(({ user_id }) => user_id)).not.toContain(one.id);

  async function numbers({ id }: Viewer): Promise<number> {
    const { rows } = await sql<{
      n: number;
    }>`select count(*)::int as n from notifications where recipient_id = ${id}`.execute(db);
    return rows[0]?.n ?? 0;
  }
  async function waitsForRights(): Promise<boolean> {
    const { rows } =
      await sql`select 1 from pg_locks where locktype = 'advisory' and not granted and mode = 'ExclusiveLock'`.execute(
        db,
      );
    return rows.length > 0;
  }
});
