import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import type { Role } from "../../src/db.ts";
import { updateListing } from "../../src/marketplace/publishing.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { startWorker } from "../../src/runner.ts";
import { createPerson, PASSWORD, postForm, publishedListing, someStock } from "../cast.ts";
import { until } from "../processes.ts";
import { serve, type TestServer } from "../server.ts";
import { named } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

const REASON = "Sells what they have not got";

let world: World;
let here: TestServer;
let there: TestServer;
let worker: { stop(): Promise<void> };
let ada: string;
beforeAll(async () => {
  world = await createWorld({ redis: true });
  here = await serve(world);
  there = await serve(world);
  worker = await startWorker(world);
  ada = await here.signIn(world.cast.ada);
});
afterAll(async () => {
  await worker.stop();
  await here.close();
  await there.close();
  await world.close();
});

type Fields = Record<string, string>;
const take = ({ id }: Viewer, measure: string, fields: Fields = {}, cookie = ada, headers: Fields = {}) =>
  here.post(`/oversight/people/${id}/${measure}`, cookie, { reason: REASON, ...fields }, headers);
const statusOf = async (path: string, cookie: string, url = here.url) =>
  (await fetch(url + path, { headers: { Cookie: cookie }, redirect: "manual" })).status;
const signInStatus = async ({ email }: Viewer) =>
  (await postForm(`${here.url}/sign-in`, "", { email, password: PASSWORD })).status;
const somebody = (role: Role = "buyer", given = {}) => createPerson(world.db, { role, ...given });

async function auditOf({ id }: Viewer) {
  const rows = world.db.selectFrom("audit_log").selectAll().where("subject_id", "=", id).where("actor_id", "!=", id);
  return (await rows.orderBy("id").execute()).map(({ action, actor_id, address, request_id, details }) => {
    return { action, actor: actor_id, address, request: request_id, ...details };
  });
}

async function stateOf({ id }: Viewer): Promise<[string, Role]> {
  const { status, role } = await world.db
    .selectFrom("users")
    .select(["status", "role"])
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
  return [status, role];
}

const ending: [measure: string, fields: Fields, told: string, action: string][] = [
  ["suspension", {}, "suspended", "suspended"],
  ["role", { role: "seller" }, "role", "role_changed"],
  ["sessions/end", {}, "signed-out", "session_ended"],
];

test.each(ending)(
  "S-09, S-14: an admin's form (%s) ends the person's streams on either web process within two seconds, and nobody else's",
  async (measure, fields, told, action) => {
    const [person, other] = [await somebody(), await somebody()];
    const [cookie, others] = [await here.signIn(person), await here.signIn(other)];
    const streams = [await here.stream(cookie), await there.stream(cookie)];
    const kept = [await here.stream(others), await there.stream(others)];
    const began = Date.now();
    const answer = await take(person, measure, fields, ada, { "X-Request-Id": "request-of-ada" });
    for (const stream of streams) {
      expect((await stream.next(named("signed-out"), 3_000)).data).toContain(told);
      await stream.ended;
    }
    expect(Date.now() - began).toBeLessThan(2_000);
    const done = `/oversight/people/${person.id}?${new URLSearchParams({ done: measure })}`;
    expect([answer.status, answer.headers.get("location")]).toEqual([303, done]);
    const page = await fetch(here.url + done, { headers: { Cookie: ada } });
    expect(await page.text()).toMatch(/data-tone="success".*within two seconds/s);
    for (const { url } of [here, there]) {
      expect([await statusOf("/account", cookie, url), await statusOf("/stream", cookie, url)]).toEqual([303, 401]);
      expect(await statusOf("/account", others, url)).toBe(200);
    }
    const audit = { action, actor: world.cast.ada.id, address: "127.0.0.1", request: "request-of-ada" };
    expect(await auditOf(person)).toEqual([{ ...audit, reason: REASON, ...fields }]);
    expect(await auditOf(other)).toEqual([]);
    // They are still told: what comes now comes to them.
    const listing = await publishedListing(world.db, world.cast.sol);
    await watchListing(world.db, other, listing.id);
    await updateListing(world.db, world.cast.sol, listing, { ...someStock(), priceMinor: 1 });
    for (const stream of kept) {
      await stream.next(named("toast"));
      expect(stream.events.filter(named("signed-out"))).toEqual([]);
    }
  },
);

test("S-09: whoever is suspended cannot sign in, and can again as soon as they are reinstated; somebody else could all the while", async () => {
  const [person, other] = [await somebody(), await somebody()];
  expect((await take(person, "suspension")).status).toBe(303);
  expect([await signInStatus(person), await signInStatus(other)]).toEqual([422, 303]);
  expect((await take(person, "reinstatement", { reason: "It was a mistake" })).status).toBe(303);
  const cookie = await there.signIn(person);
  const stream = await there.stream(cookie);
  expect([await statusOf("/account", cookie), stream.status]).toEqual([200, 200]);
  expect((await auditOf(person)).map(({ action, ...entry }) => [action, "reason" in entry && entry.reason])).toEqual([
    ["suspended", REASON],
    ["reinstated", "It was a mistake"],
  ]);
});

test("S-09: whoever has another role sees what it may see and nothing that only the old one could", async () => {
  const [person, other] = [await somebody(), await somebody()];
  const listing = await publishedListing(world.db, world.cast.sol);
  for (const buyer of [person, other]) await watchListing(world.db, buyer, listing.id);
  const before = await here.signIn(person);
  expect([
    await statusOf("/listings/new", before),
    (await here.post(`/listings/${listing.id}/watch`, before)).status,
  ]).toEqual([403, 303]);
  await take(person, "role", { role: "seller" });
  const after = await here.signIn(person);
  expect([
    await statusOf("/listings/new", after),
    (await here.post(`/listings/${listing.id}/watch`, after)).status,
  ]).toEqual([200, 403]);
  await updateListing(world.db, world.cast.sol, listing, { ...someStock(), priceMinor: 2 });
  const told = async ({ id }: Viewer) =>
    (await world.db.selectFrom("notifications").select("seq").where("recipient_id", "=", id).execute()).length;
  await until(async () => (await told(other)) === 1);
  expect(await told(person)).toBe(0);
});

test("S-09: an admin who is made a buyer oversees nothing any more, and another admin still does", async () => {
  const [admin, second] = [await somebody("admin"), await somebody("admin")];
  const [cookie, seconds] = [await here.signIn(admin), await here.signIn(second)];
  expect(await statusOf("/oversight/people", cookie)).toBe(200);
  await take(admin, "role", { role: "buyer" });
  expect(await statusOf("/oversight/people", cookie)).toBe(303);
  expect(await statusOf("/oversight/people", await here.signIn(admin))).toBe(403);
  expect(await statusOf("/oversight/people", seconds)).toBe(200);
});

test("what no longer fits is answered 409 with how it stands, and changes and logs nothing", async () => {
  const person = await somebody();
  expect((await take(person, "suspension")).status).toBe(303);
  const again = await take(person, "suspension");
  const html = await again.text();
  expect(again.status).toBe(409);
  expect(html).toMatch(/They are suspended already\..*<html|<html.*They are suspended already\./s);
  expect(html).toMatch(/id="person"[^>]* data-status="suspended"/);
  const fragment = await take(person, "suspension", {}, ada, { "HX-Request": "true" });
  const part = await fragment.text();
  expect([fragment.status, part.includes("<html"), part.includes("They are suspended already.")]).toEqual([
    409,
    false,
    true,
  ]);
  expect((await take(person, "role", { role: "buyer" })).status).toBe(409);
  const active = await somebody();
  expect((await take(active, "reinstatement")).status).toBe(409);
  expect([(await auditOf(person)).length, await auditOf(active)]).toEqual([1, []]);
});

test("htmx gets the person's part of the page again, as it stands now, with what was done and its entry in the log", async () => {
  const person = await somebody("seller", { name: "Part Again" });
  const answer = await take(person, "suspension", {}, ada, { "HX-Request": "true" });
  const html = await answer.text();
  expect([answer.status, html.includes("<html")]).toEqual([200, false]);
  expect(html).toMatch(/^\s*<div [^>]*id="person"[^>]* data-status="suspended"/);
  for (const said of ["Part Again is suspended", REASON, "Reinstate…"]) expect(html).toContain(said);
  expect(html).not.toContain("Suspend…");
});

const wrong: [what: string, measure: string, fields: Fields, id: string][] = [
  ["no reason", "suspension", { reason: " " }, "suspension-reason"],
  ["too short a reason", "suspension", { reason: "ab" }, "suspension-reason"],
  ["too long a reason", "sessions/end", { reason: "x".repeat(301) }, "sessions-end-reason"],
  ["no role", "role", {}, "role-role"],
  ["a role that there is not", "role", { role: "king" }, "role-role"],
];

test.each(wrong)(
  "with %s (%s) nothing is done, and the form comes back with what was typed",
  async (_what, measure, fields, id) => {
    const person = await somebody("buyer", {});
    const cookie = await here.signIn(person);
    for (const headers of [{}, { "HX-Request": "true" }]) {
      const answer = await take(person, measure, fields, ada, headers);
      const html = await answer.text();
      expect([answer.status, html.includes("<html")]).toEqual([422, !("HX-Request" in headers)]);
      expect(html).toContain(`id="${id}-error"`);
      expect(html).toContain(`href="#${id}"`);
      expect(html.match(/<details [^>]*open/g)).toHaveLength(1);
      expect(html).toContain(fields.reason?.trim() ?? REASON);
    }
    expect([await stateOf(person), await auditOf(person)]).toEqual([["active", "buyer"], []]);
    expect(await statusOf("/account", cookie)).toBe(200);
  },
);

test("a reason of 3 and one of 300 characters are taken", async () => {
  for (const reason of ["fee", "x".repeat(300)])
    expect((await take(await somebody(), "suspension", { reason })).status).toBe(303);
});

test("S-08: buyers and sellers get 403, strangers are led to the sign-in, and nothing is done or logged", async () => {
  const person = await somebody();
  const [bea, sol] = [await here.signIn(world.cast.bea), await here.signIn(world.cast.sol)];
  for (const measure of ["suspension", "reinstatement", "role", "sessions/end"]) {
    for (const cookie of [bea, sol]) expect((await take(person, measure, { role: "admin" }, cookie)).status).toBe(403);
    const answer = await take(person, measure, { role: "admin" }, "");
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/sign-in"]);
  }
  // Nobody makes themselves anything either.
  expect((await take(world.cast.bea, "role", { role: "admin" }, bea)).status).toBe(403);
  expect([await stateOf(person), await auditOf(person)]).toEqual([["active", "buyer"], []]);
  expect(await stateOf(world.cast.bea)).toEqual(["active", "buyer"]);
});

test("S-23: of two admins who take each other's role at once one has done it, so that an admin is left", async () => {
  for (let time = 0; time < 5; time++) {
    const [one, two] = [await somebody("admin"), await somebody("admin")];
    const cookies = [await here.signIn(one), await here.signIn(two)];
    await Promise.all([
      take(two, "role", { role: "buyer" }, cookies[0]),
      take(one, "role", { role: "buyer" }, cookies[1]),
    ]);
    const roles = [await stateOf(one), await stateOf(two)].map(([, role]) => role).sort();
    expect(roles).toEqual(["admin", "buyer"]);
  }
});
