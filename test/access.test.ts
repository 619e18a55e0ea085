import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Express, RequestHandler } from "express";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Access, Viewer } from "../src/access.ts";
import { enquire } from "../src/marketplace/enquiries.ts";
import { reserveListing } from "../src/marketplace/reservations.ts";
import { watchListing } from "../src/marketplace/watches.ts";
import { withdrawListing } from "../src/marketplace/withdrawal.ts";
import { createSite, makeHashesCheap, type Site, signIn } from "./accounts/site.ts";
import { createPerson, publishedListing } from "./cast.ts";
import { serve } from "./server.ts";
import { named } from "./sse.ts";

const ACTORS = ["anonymous", "suspended", "bea", "otto", "sol", "rita", "ada"] as const;
type Actor = (typeof ACTORS)[number];
type Verdict = "in" | "yes" | "no" | "404";

/** Sol's listing that Bea watches and asked about, another of Sol's that he withdrew, Bea's session, and nothing. */
type Objects = { listing: number; withdrawn: number; thread: number; session: string; nothing: number };

// For each route, and for each object that its path can name, what each of the cast gets, in the order of ACTORS:
//   in   must sign in       yes  is served: done, or told what is wrong with the form
//   no   is of another role 404  sees nothing there
const everybody = "yes yes yes yes yes yes yes";
const members = "in in yes yes yes yes yes";
const buyers = "in in yes yes no no no";
const sellers = "in in no no yes yes no";
const admins = "in in no no no no yes";
const keepers = "in in no no yes 404 yes";
const nobody = "404 404 404 404 404 404 404";
const unknownTo = {
  members: "in in 404 404 404 404 404",
  buyers: "in in 404 404 no no no",
  keepers: "in in no no 404 404 404",
};

const table: Record<string, string | Partial<Record<keyof Objects, string>>> = {
  "GET /assets/:version/htmx.js": everybody,
  "GET /assets/:version/sse.js": everybody,
  "GET /livez": everybody,
  "GET /readyz": everybody,
  "GET /metrics": nobody,
  "GET /stream": members,
  "GET /stream/fallback": members,
  "GET /": everybody,
  "GET /sign-up": everybody,
  "POST /sign-up": everybody,
  "GET /sign-in": everybody,
  "POST /sign-in": everybody,
  "POST /sign-out": everybody,
  "GET /account": members,
  "POST /account/password": members,
  "POST /account/sessions/:id/end": { session: "in in yes 404 404 404 404", nothing: unknownTo.members },
  "GET /listings": members,
  "GET /listings/new": sellers,
  "POST /listings": sellers,
  "GET /listings/:id": { listing: members, withdrawn: "in in 404 404 yes 404 yes", nothing: unknownTo.members },
  "GET /listings/:id/edit": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id/reservation": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id/release": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id/sale": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id/withdrawal": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id/relisting": { listing: keepers, withdrawn: keepers, nothing: unknownTo.keepers },
  "POST /listings/:id/watch": { listing: buyers, withdrawn: unknownTo.buyers, nothing: unknownTo.buyers },
  "POST /listings/:id/unwatch": { listing: buyers, withdrawn: unknownTo.buyers, nothing: unknownTo.buyers },
  "POST /listings/:id/enquiries": { listing: buyers, withdrawn: unknownTo.buyers, nothing: unknownTo.buyers },
  "GET /enquiries": members,
  "GET /enquiries/:id": { thread: "in in yes 404 yes 404 yes", nothing: unknownTo.members },
  "POST /enquiries/:id/messages": { thread: "in in yes 404 yes 404 no", nothing: "in in 404 404 404 404 no" },
  "GET /notifications": members,
  "POST /notifications/read-all": members,
  "POST /notifications/seen": members,
  "POST /notifications/:seq/read": { nothing: unknownTo.members },
  "POST /notifications/:seq/unread": { nothing: unknownTo.members },
  "GET /oversight": admins,
};

let site: Site;
let server: Server;
let url: string;
let objects: Objects;
let people: Record<Exclude<Actor, "anonymous">, Viewer>;
const cookies = new Map<Actor, string>();

beforeAll(async () => {
  site = await createSite();
  const { world, db } = site;
  const { bea, otto, sol, rita, ada } = world.cast;
  people = { bea, otto, sol, rita, ada, suspended: await createPerson(db, { role: "buyer" }) };
  await makeHashesCheap(world);
  for (const actor of ACTORS) cookies.set(actor, await newCookie(actor));
  await db.updateTable("users").set({ status: "suspended" }).where("id", "=", people.suspended.id).execute();

  const listing = await publishedListing(db, sol);
  await watchListing(db, bea, listing.id);
  const thread = await enquire(db, bea, listing.id, "Is it still there?");
  const withdrawn = await publishedListing(db, sol);
  await withdrawListing(db, sol, withdrawn);
  objects = { listing: listing.id, withdrawn: withdrawn.id, thread, session: "", nothing: 987_654_321 };

  server = createServer(site.app).listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await site.close();
});

describe("S-08: every route", () => {
  test("says who may use it, and stands in the table", () => {
    const routes = routesOf(site.app);
    expect(routes.filter(({ access }) => access === null).map(({ name }) => name)).toEqual([]);
    expect(routes.map(({ name }) => name).sort()).toEqual(Object.keys(table).sort());
  });

  test("that names an object stands there with one that does not exist", () => {
    const naming = Object.keys(table).filter((name) => /:(?!version)/.test(name));
    expect(naming.length).toBeGreaterThan(10);
    for (const name of naming) expect(table[name], name).toMatchObject({ nothing: expect.any(String) });
  });

  test("turns away in the table exactly the roles that its declaration leaves out", () => {
    for (const { name, access } of routesOf(site.app)) {
      for (const verdicts of Object.values(rowsOf(name))) {
        ACTORS.forEach((actor, index) => {
          if (verdicts[index] !== "404" || access?.includes("anyone")) return;
          expect(mayUse(actor, access ?? []), `${name} ${actor}`).toBe(true);
        });
        const open = ACTORS.map((actor) => mayUse(actor, access ?? []));
        expect(
          verdicts.map((verdict) => verdict === "yes" || verdict === "404"),
          name,
        ).toEqual(open);
      }
    }
  });

  test.each(Object.keys(table))("%s gives each of the cast what the table says", async (name) => {
    for (const [object, verdicts] of Object.entries(rowsOf(name))) {
      const got: Verdict[] = [];
      for (const actor of ACTORS) {
        const answer = await ask(name, object as keyof Objects, actor);
        got.push(verdictOf(answer));
        if (object !== "nothing" && got.at(-1) === "404" && name.includes(":"))
          await expectLikeMissing(name, actor, answer);
      }
      expect(got.join(" "), `${object}: ${ACTORS.join(" ")}`).toBe(verdicts.join(" "));
    }
  });

  test("of notifications knows one's own numbers only", async () => {
    const person = await createPerson(site.db, { role: "buyer" });
    const listing = await publishedListing(site.db, people.sol);
    await reserveListing(site.db, people.sol, listing, { buyerId: person.id, hours: 2 });
    await site.world.drain();
    await makeHashesCheap(site.world);
    const own = await send("POST", "/notifications/1/read", await signIn(site.app, person));
    const foreign = await send("POST", "/notifications/1/read", await signIn(site.app, await newcomer()));
    expect([own.status, foreign.status]).toEqual([303, 404]);
  });

  test("of the stream tells the session's person of what is theirs, whoever the query names", async () => {
    const served = await serve(site.world);
    onTestFinished(() => served.close());
    const { bea, otto, sol } = people;
    const beas = await served.stream(await newCookie("bea"));
    const query = `?user=${bea.id}&userId=${bea.id}&recipient=${bea.id}&role=admin&channel=user:${bea.id}&channels[]=role:admin`;
    const ottos = await served.stream(await newCookie("otto"), query);
    const listing = await publishedListing(site.db, sol);
    await watchListing(site.db, otto, listing.id);
    await reserveListing(site.db, sol, listing, { buyerId: bea.id, hours: 2 });
    await site.world.drain();
    await beas.next(({ event, data }) => event === "toast" && data.includes("for you"));
    await ottos.next(named("toast"));
    expect(ottos.events.filter(({ event, data }) => event === "oversight" || data.includes("for you"))).toEqual([]);
    expect(ottos.seqs()).toEqual([1]);
  });
});

describe("S-03: every route that could change something", () => {
  const foreign: [string, Record<string, string>][] = [
    ["another site", { "Sec-Fetch-Site": "cross-site" }],
    ["another host of our domain", { "Sec-Fetch-Site": "same-site" }],
    ["no site at all", { "Sec-Fetch-Site": "none" }],
    ["another origin", { Origin: "https://evil.test" }],
    ["an origin that is hidden", { Origin: "null" }],
    ["another site, with our origin", { "Sec-Fetch-Site": "cross-site", Origin: "" }],
    ["a program that says nothing", {}],
  ];

  test.each(foreign)("refuses requests from %s, and changes nothing", async (_whence, headers) => {
    const before = await everything();
    const changing = routesOf(site.app).filter(({ method }) => method !== "GET");
    expect(changing.length).toBeGreaterThan(15);
    for (const { name } of changing) {
      const own = headers.Origin === "" ? { ...headers, Origin: url } : headers;
      const answer = await ask(name, Object.keys(rowsOf(name))[0] as keyof Objects, servedBy(name), own);
      expect(answer.status, name).toBe(403);
      expect(answer.headers["set-cookie"], name).toBe(undefined);
    }
    expect(await everything()).toEqual(before);
  });

  test.each([
    ["a form", { "Sec-Fetch-Site": "same-origin" }],
    ["a form of an older browser", { Origin: "own" }],
    ["htmx", { "Sec-Fetch-Site": "same-origin", "HX-Request": "true" }],
  ])("takes requests of %s on our own pages", async (_what, headers) => {
    for (const { name } of routesOf(site.app).filter(({ method }) => method !== "GET")) {
      const own = "Origin" in headers ? { Origin: url } : headers;
      const answer = await ask(name, Object.keys(rowsOf(name))[0] as keyof Objects, servedBy(name), own);
      expect([403, 500], name).not.toContain(answer.status);
    }
  });

  test("holds to the address that browsers use, where one is set", async () => {
    const app = site.appWith({ appOrigin: "https://stock.example" });
    const behind = createServer(app).listen(0, "127.0.0.1");
    onTestFinished(() => void behind.close());
    await once(behind, "listening");
    const address = `http://127.0.0.1:${(behind.address() as AddressInfo).port}`;
    const from = async (Origin: string) =>
      (await fetch(`${address}/sign-in`, { method: "POST", headers: { Origin } })).status;
    expect(await from("https://stock.example")).toBe(422);
    expect(await from(address)).toBe(403);
  });

  test("is not a GET: no page changes anything, whoever opens it", async () => {
    const before = await everything();
    for (const { name } of routesOf(site.app).filter(({ method, path }) => method === "GET" && path !== "/stream")) {
      for (const object of Object.keys(rowsOf(name)) as (keyof Objects)[]) {
        for (const actor of ACTORS) await send("GET", pathOf(name, object), cookies.get(actor) ?? "");
      }
    }
    expect(await everything()).toEqual(before);
  });
});

type Route = { name: string; method: string; path: string; access: Access[] | null };
type Layer = {
  route?: {
    path: string;
    methods: Record<string, boolean>;
    stack: { handle: RequestHandler & { access?: Access[] } }[];
  };
  handle: { stack?: Layer[] };
};

/** Every route of the application; `access` is null where no allow() comes before the handler. */
function routesOf(app: Express): Route[] {
  return flat((app.router as unknown as { stack: Layer[] }).stack).flatMap(({ route }) => {
    if (!route) return [];
    const guard = route.stack.slice(0, -1).find(({ handle }) => handle.access);
    return Object.keys(route.methods).map((method) => ({
      name: `${method.toUpperCase()} ${route.path}`,
      method: method.toUpperCase(),
      path: route.path,
      access: guard?.handle.access ?? null,
    }));
  });
}

function flat(layers: Layer[]): Layer[] {
  return layers.flatMap((layer) => [layer, ...flat(layer.handle.stack ?? [])]);
}

/** The table's verdicts on a route for each object. */
function rowsOf(name: string): Record<string, Verdict[]> {
  const row = table[name] ?? {};
  const byObject = typeof row === "string" ? { nothing: row } : row;
  return Object.fromEntries(
    Object.entries(byObject).map(([object, verdicts]) => [object, verdicts.split(" ") as Verdict[]]),
  );
}

function mayUse(actor: Actor, access: Access[]): boolean {
  if (access.includes("anyone")) return true;
  if (actor === "anonymous" || actor === "suspended") return false;
  return access.includes("signed-in") || access.includes(people[actor].role);
}

/** One of the cast whom the route serves with its first object. */
function servedBy(name: string): Actor {
  const [verdicts = []] = Object.values(rowsOf(name));
  const served = ACTORS.filter((_, index) => verdicts[index] === "yes" || verdicts[index] === "404");
  return served.find((actor) => actor !== "anonymous" && actor !== "suspended") ?? "anonymous";
}

type Answer = { status: number; headers: Record<string, string>; body: string };

/** Asks as one of the cast. Whoever loses the session by it gets a new one. */
async function ask(
  name: string,
  object: keyof Objects,
  actor: Actor,
  headers?: Record<string, string>,
): Promise<Answer> {
  if (object === "session") objects.session = await sessionOf("bea");
  const [method = ""] = name.split(" ");
  const answer = await send(method, pathOf(name, object), cookies.get(actor) ?? "", headers);
  if (/sign-out|sessions/.test(name) && actor !== "suspended") cookies.set(actor, await newCookie(actor));
  return answer;
}

function pathOf(name: string, object: keyof Objects): string {
  const [, path = ""] = name.split(" ");
  return path.replace(":version", "1").replace(/:\w+/, String(objects[object]));
}

async function send(
  method: string,
  path: string,
  cookie: string,
  headers: Record<string, string> = OWN,
): Promise<Answer> {
  const body = method === "GET" ? {} : { body: new URLSearchParams() };
  const response = await fetch(url + path, {
    ...{ method, redirect: "manual", ...body },
    headers: { Accept: "text/html", Cookie: cookie, ...(method === "GET" ? {} : headers) },
  });
  const streaming = response.headers.get("content-type")?.startsWith("text/event-stream");
  if (streaming) await response.body?.cancel();
  return {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: streaming ? "" : await response.text(),
  };
}

const OWN = { "Sec-Fetch-Site": "same-origin" };

function verdictOf({ status, headers }: Answer): Verdict {
  if (status === 401 || headers.location?.startsWith("/sign-in")) return "in";
  if (status === 403) return "no";
  if (status === 404) return "404";
  expect([200, 204, 303, 409, 422]).toContain(status);
  return "yes";
}

/** What is somebody else's is answered, to the letter, like what is not there. */
async function expectLikeMissing(name: string, actor: Actor, answer: Answer): Promise<void> {
  const missing = await ask(name, "nothing", actor);
  expect(withoutTimes(answer.body), name).toBe(withoutTimes(missing.body));
  expect(Object.keys(answer.headers), name).toEqual(Object.keys(missing.headers));
}

function withoutTimes(html: string): string {
  return html.replaceAll(/data-at="[^"]*"/g, "");
}

async function newCookie(actor: Actor): Promise<string> {
  return actor === "anonymous" ? "" : signIn(site.app, people[actor]);
}

async function newcomer(): Promise<Viewer> {
  const person = await createPerson(site.db, { role: "buyer" });
  await makeHashesCheap(site.world);
  return person;
}

/** The name under which a page ends one of somebody's other sessions. */
async function sessionOf(actor: Actor): Promise<string> {
  await newCookie(actor);
  const { body } = await send("GET", "/account", cookies.get(actor) ?? "");
  return [...body.matchAll(/\/account\/sessions\/([^/"]+)\/end/g)].at(-1)?.[1] ?? "";
}

/** A print of every row of ours and of the queue, but for when sessions end. */
async function everything(): Promise<Record<string, string>> {
  const tables = await sql<{ name: string }>`
    select format('%I.%I', schemaname, tablename) as name from pg_tables
    where schemaname in ('public', 'graphile_worker')`.execute(site.db);
  const prints: Record<string, string> = {};
  for (const { name } of tables.rows) {
    const { rows } = await sql<{ print: string }>`
      select md5(coalesce(string_agg(line::text, ' ' order by line::text), '')) as print
      from (select to_jsonb(kept) - 'expire' as line from ${sql.raw(name)} kept) lines`.execute(site.db);
    prints[name] = rows[0]?.print ?? "";
  }
  return prints;
}
