import { connect } from "node:net";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withdrawListing } from "../src/marketplace/withdrawal.ts";
import { createSite, get, post, type Site, signIn } from "./accounts/site.ts";
import { publishedListing } from "./cast.ts";
import { type Fleet, startFleet } from "./fleet/fleet.ts";
import { type TestProcess, until } from "./processes.ts";
import { openSse } from "./sse.ts";

/** Each is said nowhere else, so that it would be found wherever it came out. */
const SECRETS = {
  password: "canary-password-one",
  "another password": "canary-password-two",
  "a wrong password": "canary-password-wrong",
  "an email address": "canary@secret.example",
  "an unknown email address": "ghost-canary@secret.example",
  "a message": "canary text of a message",
  "a title": "canary title of a listing",
  "a search": "canary-search",
  "a token": "canary-token-of-16-characters",
};

let fleet: Fleet;
let web: TestProcess;
let site: Site;
const written = () => [...fleet.webs, ...fleet.workers].map(({ logs }) => logs()).join("");

beforeAll(async () => {
  const env = { LOG_LEVEL: "trace", METRICS_TOKEN: SECRETS["a token"], FORCE_COLOR: "1" };
  [fleet, site] = await Promise.all([startFleet(1, 1, env), createSite()]);
  web = fleet.webs[0] as TestProcess;
});
afterAll(async () => {
  await fleet.close();
  await site.close();
});

async function send(path: string, cookie: string, fields: Record<string, string>): Promise<Response> {
  return fleet.post(web, path, cookie, fields);
}

function cookieIn(answer: Response): string {
  return answer.headers.getSetCookie().at(-1)?.split(";")[0] ?? "";
}

/** Everything that a person types into Stockbell, and everything that can go wrong with it. */
async function liveThroughIt(): Promise<{ cookies: string[]; answers: string[] }> {
  const { db, cast } = fleet.world;
  const email = SECRETS["an email address"];
  const person = { role: "buyer", name: "Nia", company: "C", email, password: SECRETS.password };
  const first = cookieIn(await send("/sign-up", "", person));
  await send("/sign-up", "", person);
  for (const who of [email, SECRETS["an unknown email address"]])
    await send("/sign-in", "", { email: who, password: SECRETS["a wrong password"] });
  await send("/account/password", first, { current: SECRETS["a wrong password"], password: "long enough" });
  const change = { current: SECRETS.password, password: SECRETS["another password"] };
  const second = cookieIn(await send("/account/password", first, change));
  const third = cookieIn(await send("/sign-in", "", { email, password: SECRETS["another password"] }));
  const listing = await publishedListing(db, cast.sol, { title: SECRETS["a title"] });
  const stream = await fleet.stream(web, second);
  await fetch(`${web.url}/listings?q=${SECRETS["a search"]}`, { headers: { Cookie: second } });
  await send(`/listings/${listing.id}/enquiries`, second, { message: SECRETS["a message"] });
  await fleet.allDelivered();
  await fetch(`${web.url}/metrics`, { headers: { Authorization: `Bearer ${SECRETS["a token"]}` } });
  const answers = await breakEverything(listing.id, second);
  stream.close();
  await send("/sign-out", second, {});
  return { cookies: [first, second, third], answers };
}

/** Errors whose words hold what people typed: Postgres tells of the row that it refuses. */
async function breakEverything(listing: number, cookie: string): Promise<string[]> {
  const { db } = fleet.world;
  await sql`alter table messages add constraint no_more check (id < 0) not valid`.execute(db);
  const thread = await db
    .selectFrom("enquiries")
    .select("id")
    .where("listing_id", "=", listing)
    .executeTakeFirstOrThrow();
  const broken = await send(`/enquiries/${thread.id}/messages`, cookie, {
    message: `${SECRETS["a message"]} once more`,
  });
  await sql`alter table users add constraint no_more check (id < 0) not valid`.execute(db);
  const person = { role: "buyer", name: "N", company: "C", email: `2-${SECRETS["an email address"]}` };
  const refused = await send("/sign-up", "", { ...person, password: SECRETS.password });
  await sql`alter table listings rename column title to gone`.execute(db);
  const gone = await fetch(`${web.url}/listings?q=${SECRETS["a search"]}`, { headers: { Cookie: cookie } });
  const stream = await fetch(`${web.url}/stream/fallback?after=0`, { headers: { Cookie: cookie } });
  await sql`alter table listings rename column gone to title`.execute(db);
  await sql`alter table users drop constraint no_more`.execute(db);
  await sql`alter table messages drop constraint no_more`.execute(db);
  expect([broken, refused, gone].map(({ status }) => status)).toEqual([500, 500, 500]);
  return Promise.all([broken, refused, gone, stream].map((answer) => answer.text()));
}

test("S-17, P-08: no password, cookie, session, address of a person, message or search is in any line of the log, whatever fails; and no stack, query or path in any answer", async () => {
  const { cookies, answers } = await liveThroughIt();
  const log = written();
  expect(log.split('"msg":"a request failed"').length).toBeGreaterThan(3);
  for (const [what, secret] of Object.entries(SECRETS)) {
    expect(log.includes(secret), what).toBe(false);
    expect(log.includes(encodeURIComponent(secret)), what).toBe(false);
  }
  for (const cookie of cookies) {
    const sid = /s:([^.]+)\./.exec(decodeURIComponent(cookie))?.[1] ?? "";
    expect(sid.length).toBeGreaterThan(20);
    for (const part of [sid, cookie.split(".")[1] ?? "?"]) expect(log.includes(part)).toBe(false);
  }
  expect(log).not.toMatch(/argon2id|s%3A|Cookie|for-development-only/i);
  for (const body of answers)
    for (const inside of [
      /\.ts:\d+/,
      /\bat \S+ \(/,
      /\/src\//,
      /node_modules/,
      /\bselect\b.*\bfrom\b/i,
      /violates/,
      /column/,
      /no_more/,
    ])
      expect(body).not.toMatch(inside);
}, 60_000);

test("S-17, P-08: each line is one object of JSON, and what a request says of itself makes no line of its own", async () => {
  const bytes =
    'GET /nothing HTTP/1.1\r\nHost: x\r\nX-Request-Id: one\u2028{"level":60,"msg":"forged"}\r\nConnection: close\r\n\r\n';
  const socket = connect(Number(new URL(web.url ?? "").port), "127.0.0.1");
  await new Promise((resolve) => socket.on("close", resolve).resume().write(bytes));
  await send("/sign-in", "", { email: 'x\r\n{"level":60,"msg":"forged"}', password: "y" });
  await fetch(`${web.url}/%0d%0a%7b%22msg%22:%22forged%22%7d`);
  const lines = written().trim().split("\n");
  expect(lines.length).toBeGreaterThan(10);
  for (const line of lines) expect(typeof JSON.parse(line).msg).toBe("string");
  expect(written()).not.toContain("forged");
});

test("P-08: all of it is on standard output, without colours, and nothing on standard error", () => {
  for (const process of [...fleet.webs, ...fleet.workers]) {
    expect(process.logs().length).toBeGreaterThan(0);
    expect(process.errors()).toBe("");
    expect(process.logs()).not.toContain("\u001b");
  }
});

describe("S-17, P-08: the log says, with the request's id and the person,", () => {
  const named = { "Sec-Fetch-Site": "same-origin", "X-Request-Id": "the-id-of-this-one" };
  const lineOf = (status: number) =>
    site
      .logged()
      .split("\n")
      .findLast((line) => line.includes(`"status":${status}`)) ?? "";

  test("that something was refused to somebody", async () => {
    const cookie = await signIn(site.app, site.world.cast.bea);
    await get(site.app, "/oversight", cookie, named);
    expect(JSON.parse(lineOf(403))).toMatchObject({
      ...{ level: 40, request: "the-id-of-this-one", user: site.world.cast.bea.id, msg: "a request was refused" },
    });
  });

  test("that somebody tried too often, and that a password was wrong", async () => {
    const fields = { email: site.world.cast.rita.email, password: SECRETS["a wrong password"] };
    for (let n = 0; n < 7; n += 1) await post(site.app, "/sign-in", fields, "", named);
    expect(JSON.parse(lineOf(429))).toMatchObject({ level: 40, request: "the-id-of-this-one" });
    expect(site.logged().split('"msg":"a sign-in was refused"')).toHaveLength(7);
  });
});

describe("P-08: a stream's lines, by the id of the request that opened it,", () => {
  const linesOf = (request: string): Record<string, unknown>[] =>
    web
      .logs()
      .split("\n")
      .filter((line) => line.includes(`"request":"${request}"`))
      .map((line) => JSON.parse(line));
  const openAs = async (cookie: string, request: string, lastEventId = "") => {
    const stream = await openSse(`${web.url}/stream`, { cookie, lastEventId, headers: { "X-Request-Id": request } });
    await stream.next(({ event }) => event === "heartbeat");
    await until(() => linesOf(request).length > 0);
    return stream;
  };

  test("say who opened it and how it stood, and why it ended, after how long and how many events", async () => {
    const { db, cast } = fleet.world;
    const listing = await publishedListing(db, cast.rita);
    const cookie = await fleet.signIn(web, cast.otto);
    await send(`/listings/${listing.id}/watch`, cookie, {});
    await withdrawListing(db, cast.rita, listing);
    await fleet.allDelivered();

    const began = performance.now();
    const stream = await openAs(cookie, "resumed-one", "0");
    const who = { level: 30, request: "resumed-one", user: cast.otto.id, role: "buyer" };
    expect(linesOf("resumed-one")).toMatchObject([{ ...who, msg: "a stream opened", state: "resumed", replayed: 1 }]);
    stream.close();
    await until(() => linesOf("resumed-one").length === 2);
    const [, end] = linesOf("resumed-one");
    expect(end).toMatchObject({ ...who, msg: "a stream ended", reason: "client" });
    // A card may have been on its way.
    expect(end?.sent).toBeGreaterThanOrEqual(stream.events.length);
    expect(end?.sent).toBeLessThan(stream.events.length + 3);
    expect(end?.seconds).toBeGreaterThan(0);
    expect(end?.seconds).toBeLessThan((performance.now() - began) / 1000);
  });

  test("say fresh and reset, and that it was we who ended it", async () => {
    const cookie = await fleet.signIn(web, fleet.world.cast.otto);
    const streams = [await openAs(cookie, "fresh-one"), await openAs(cookie, "reset-one", "rubbish")];
    for (const state of ["fresh", "reset"])
      expect(linesOf(`${state}-one`)).toMatchObject([{ msg: "a stream opened", state, replayed: 0 }]);
    await send("/sign-out", cookie, {});
    await Promise.all(streams.map(({ ended }) => ended));
    for (const state of ["fresh", "reset"]) {
      await until(() => linesOf(`${state}-one`).length === 2);
      expect(linesOf(`${state}-one`)[1]).toMatchObject({ msg: "a stream ended", reason: "signed-out" });
    }
  });

  test("are not there where none was opened", async () => {
    const { status } = await openSse(`${web.url}/stream`, { headers: { "X-Request-Id": "refused-one" } });
    expect(status).toBe(401);
    expect(linesOf("refused-one").filter(({ msg }) => String(msg).startsWith("a stream"))).toEqual([]);
  });
});
