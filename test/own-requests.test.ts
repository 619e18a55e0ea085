import { sql } from "kysely";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { ACTORS, routesOf, rowsOf } from "./accounts/table.ts";
import { createVisitors, listen, servedBy, type Visitors } from "./accounts/visitors.ts";

let visitors: Visitors;
beforeAll(async () => {
  visitors = await createVisitors();
});
afterAll(() => visitors.close());

test.each([
  ["another site", { "Sec-Fetch-Site": "cross-site" }],
  ["another site that shows our origin", { "Sec-Fetch-Site": "cross-site", Origin: "own" }],
  ["another host of our domain", { "Sec-Fetch-Site": "same-site" }],
  ["no page at all", { "Sec-Fetch-Site": "none" }],
  ["another origin", { Origin: "https://evil.test" }],
  ["an origin that is hidden", { Origin: "null" }],
  ["a program that says nothing", {}],
])(
  "S-03: every route that is not a GET refuses requests from %s, sign-in included, and changes nothing",
  async (_from, headers) => {
    const { send, pathOf, cookieOf } = visitors;
    const before = await everything();
    for (const name of changing()) {
      const [object = "nothing"] = rowsOf(name)[0] ?? [];
      const answer = await send("POST", pathOf(name, object), cookieOf(servedBy(name)), withOwn(headers));
      expect([answer.status, answer.headers["set-cookie"]], name).toEqual([403, undefined]);
    }
    expect(await everything()).toEqual(before);
  },
);

test.each([
  ["a form", { "Sec-Fetch-Site": "same-origin" }],
  ["a form in an older browser", { Origin: "own" }],
  ["htmx", { "Sec-Fetch-Site": "same-origin", "HX-Request": "true" }],
])("S-03: each takes the requests of %s on our own pages", async (_what, headers) => {
  for (const name of changing()) {
    const [object = "nothing"] = rowsOf(name)[0] ?? [];
    const { status } = await visitors.ask(name, object, servedBy(name), withOwn(headers));
    expect([200, 204, 303, 404, 409, 422], name).toContain(status);
  }
});

test("S-03: the address that browsers use decides, where one is set", async () => {
  const { url, send, close } = await listen(visitors.site.appWith({ appOrigin: "https://stock.example" }));
  onTestFinished(close);
  expect((await send("POST", "/sign-in", "", { Origin: "https://stock.example" })).status).toBe(422);
  expect((await send("POST", "/sign-in", "", { Origin: url })).status).toBe(403);
});

test("S-03: no GET changes anything, whoever asks", async () => {
  const { site, send, pathOf, cookieOf } = visitors;
  // The session of somebody suspended lets go of them with their first request.
  await send("GET", "/", cookieOf("suspended"));
  const before = await everything();
  for (const { name } of routesOf(site.app).filter(({ method }) => method === "GET")) {
    for (const [object] of rowsOf(name)) {
      for (const actor of ACTORS) await send("GET", pathOf(name, object), cookieOf(actor));
    }
  }
  expect(await everything()).toEqual(before);
});

function changing(): string[] {
  const routes = routesOf(visitors.site.app).filter(({ method }) => method !== "GET");
  expect(routes.length).toBeGreaterThan(15);
  return routes.map(({ name }) => name);
}

function withOwn(headers: Record<string, string | undefined>): Record<string, string> {
  const given = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, value === "own" ? visitors.url : value]));
}

/** A print of every row of ours and of the queue, but for when sessions end. */
async function everything(): Promise<Record<string, string>> {
  const { db } = visitors.site;
  const tables = await sql<{ schema: string; name: string }>`
    select schemaname as schema, tablename as name from pg_tables
    where schemaname in ('public', 'graphile_worker')`.execute(db);
  const prints: Record<string, string> = {};
  for (const { schema, name } of tables.rows) {
    const { rows } = await sql<{ print: string }>`
      select md5(coalesce(string_agg(line::text, ' ' order by line::text), '')) as print
      from (select to_jsonb(kept) - 'expire' as line from ${sql.id(schema, name)} kept) lines`.execute(db);
    prints[name] = rows[0]?.print ?? "";
  }
  return prints;
}
