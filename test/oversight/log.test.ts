import { type CompiledQuery, Kysely, PostgresDialect, sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "../../src/db.ts";
import type { EventRow } from "../../src/events/catalogue.ts";
import { readEvents } from "../../src/events/log.ts";
import { peopleIn } from "../../src/events/people.ts";
import { enquire } from "../../src/marketplace/enquiries.ts";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { readLog } from "../../src/oversight/log.ts";
import { createSite, get, type Site, signIn } from "../accounts/site.ts";
import { publishedListing } from "../cast.ts";

let site: Site;
let ada: string;
let copper: ListingView;
let zinc: ListingView;

beforeAll(async () => {
  site = await createSite();
  const { db, world } = site;
  const { sol, rita, bea } = world.cast;
  ada = await signIn(site.app, world.cast.ada);
  copper = await publishedListing(db, sol, { title: "Copper cathode" });
  zinc = await publishedListing(db, rita, { title: "Zinc ingots" });
  await publishedListing(db, rita, { title: "Zinc 50% dust" });
  await enquire(db, bea, copper.id, "How soon?");
  await reserveListing(db, sol, copper, { buyerId: bea.id, hours: 2 });
});
afterAll(() => site.close());

/** What the log shows, newest first: kind and listing of each. */
async function log(query: Record<string, string | number> = {}): Promise<string[]> {
  const { text, status } = await get(site.app, `/oversight?${new URLSearchParams(query as never)}`, ada);
  expect(status).toBe(200);
  return [
    ...text.matchAll(/data-event="\d+" data-kind="(\w+)".*?<td class="log-listing" hx-disable>(.*?)<\/td>/gs),
  ].map(([, kind, listing = ""]) => `${kind} ${listing.replace(/<[^>]*>/g, "")}`);
}

const ALL = [
  "listing_reserved Copper cathode",
  "enquiry_received Copper cathode",
  "listing_published Zinc 50% dust",
  "listing_published Zinc ingots",
  "listing_published Copper cathode",
];

test("the log shows everything that happened, the latest first", async () => {
  expect(await log()).toEqual(ALL);
});

test("it is narrowed to a kind, and shows no other", async () => {
  expect(await log({ kind: "listing_published" })).toEqual(ALL.slice(2));
  expect(await log({ kind: "enquiry_received" })).toEqual(ALL.slice(1, 2));
});

test("it is narrowed to what a person did or what is about them, and shows nothing else", async () => {
  const { bea, rita, otto } = site.world.cast;
  expect(await log({ person: bea.id })).toEqual(ALL.slice(0, 2));
  expect(await log({ person: rita.email })).toEqual(ALL.slice(2, 4));
  expect(await log({ person: "serrano" })).toEqual([...ALL.slice(0, 2), ...ALL.slice(4)]);
  expect(await log({ person: otto.id })).toEqual([]);
});

test("it is narrowed to a listing by its id or part of its title, and shows no other", async () => {
  expect(await log({ listing: copper.id })).toEqual([...ALL.slice(0, 2), ...ALL.slice(4)]);
  expect(await log({ listing: "ingots" })).toEqual(ALL.slice(3, 4));
  expect(await log({ listing: "50%" })).toEqual(ALL.slice(2, 3));
  expect(await log({ listing: "cathode", kind: "listing_reserved" })).toEqual(ALL.slice(0, 1));
});

test("it is narrowed to a time in the zone that the reader lives in", async () => {
  const { rows } = await sql<{ at: string }>`
    select to_char((now() - interval '1 hour') at time zone 'Asia/Tokyo', 'YYYY-MM-DD"T"HH24:MI') as at`.execute(
    site.db,
  );
  const hourAgo = rows[0]?.at ?? "";
  expect(await log({ from: hourAgo, zone: "Asia/Tokyo" })).toEqual(ALL);
  expect(await log({ from: hourAgo, zone: "UTC" })).toEqual([]);
  expect(await log({ to: hourAgo, zone: "Asia/Tokyo" })).toEqual([]);
  expect(await log({ to: hourAgo, zone: "UTC" })).toEqual(ALL);
});

test("words that several are called by lead to a choice, words that nobody is called by to an error beside the field", async () => {
  const several = await get(site.app, "/oversight?person=demo", ada);
  expect([several.status, several.text.match(/href="\/oversight\?person=\d+"/g)?.length]).toEqual([422, 5]);
  expect(several.text).toContain("Several people are called that");
  const none = await get(site.app, "/oversight?listing=gold&kind=listing_sold", ada);
  expect(none.status).toBe(422);
  expect(none.text).toMatch(/No listing is called that\..*value="gold"/s);
  expect(none.text).toContain('value="listing_sold" selected');
});

test("an odd time is said to be wrong beside its field, and what was typed stays", async () => {
  for (const [query, words] of [
    ["from=yesterday", "Enter a day and a time."],
    ["to=2026-02-31T99:99", "There is no such day."],
    ["from=2026-02-30T10:00", "There is no such day."],
    ["to=0000-01-01T00:00", "There is no such day."],
    ["from=2026-02-02T10:00&to=2026-02-01T10:00", "Enter a time after the first."],
  ]) {
    const { status, text } = await get(site.app, `/oversight?${query}`, ada);
    expect([query, status, text.includes(words as string)]).toEqual([query, 422, true]);
  }
  for (const query of ["kind=nothing", "before=x", "zone=Mars/Crater", "person=%00", "listing=99999999999999999999"]) {
    expect([query, [200, 422].includes((await get(site.app, `/oversight?${query}`, ada)).status)]).toEqual([
      query,
      true,
    ]);
  }
});

test("the zone of what was typed stays when something of it is wrong, so that it means the same once it is put right", async () => {
  const zoneAfter = async (query: string) => {
    const { status, text } = await get(site.app, `/oversight?from=2026-02-02T10:00&to=2026-02-01T10:00${query}`, ada);
    return [status, /name="zone" value="([^"]*)"/.exec(text)?.[1]];
  };
  expect(await zoneAfter("&zone=Asia/Tokyo")).toEqual([422, "Asia/Tokyo"]);
  expect(await zoneAfter("&zone=Mars/Crater")).toEqual([422, "UTC"]);
  expect(await zoneAfter("")).toEqual([422, "UTC"]);
});

test("page after page leads through the whole history, with nothing left out and nothing twice", async () => {
  const { db } = site;
  await sql`
    insert into events (kind, listing_id, data) select 'listing_withdrawn', ${zinc.id}, '{"title":"Zinc ingots","sellerId":1}'
    from generate_series(1, 120)`.execute(db);
  const seen: number[] = [];
  for (let path: string | undefined = "/oversight"; path; ) {
    const { text }: { text: string } = await get(site.app, path, ada);
    seen.push(...[...text.matchAll(/data-event="(\d+)"/g)].map(([, id]) => Number(id)));
    const older: string | undefined =
      /<nav class="pager" id="log-older" aria-label="Pages">.*?rel="next" href="([^"]+)"/s.exec(text)?.[1];
    path = older?.includes("before=1&") || older?.endsWith("before=1") ? undefined : older?.replaceAll("&amp;", "&");
  }
  const all = await db.selectFrom("events").select("id").orderBy("id", "desc").execute();
  expect(seen).toEqual(all.map(({ id }) => id));
  await db.deleteFrom("events").where("kind", "=", "listing_withdrawn").execute();
});

test("what happened long ago is found without going through all that has happened since", async () => {
  const { db, world } = site;
  await sql`
    insert into events (kind, listing_id, data, occurred_at, delivered_at)
    select 'listing_withdrawn', ${zinc.id}, '{"title":"Zinc ingots","sellerId":1}', now() + n * interval '1 second', now()
    from generate_series(1, 40000) n`.execute(db);
  await sql`analyze events`.execute(db);
  const asked: CompiledQuery[] = [];
  const heard = new Kysely<Database>({
    dialect: new PostgresDialect({ pool: world.pool }),
    log: ({ query }) => void asked.push(query),
  });
  const everything = { kind: "", person: null, listing: null, from: "", zone: "UTC", before: null } as const;
  const to = new Date(Date.now() + 20_000_000).toISOString().slice(0, 19);
  const found = await readLog(heard, { ...everything, to }, 51);
  expect(found).toHaveLength(51);
  for (const { occurredAt } of found) expect(Math.abs(Number(occurredAt) - Date.parse(`${to}Z`))).toBeLessThan(60_000);
  const [{ sql: text, parameters } = sql``.compile(db)] = asked;
  const { rows } = await world.pool.query(`explain (analyze, format json) ${text}`, [...parameters]);
  const passed = [...JSON.stringify(rows).matchAll(/"Rows Removed by Filter":(\d+)/g)].map(([, count]) =>
    Number(count),
  );
  expect(Math.max(0, ...passed)).toBeLessThan(2000);
  await db.deleteFrom("events").where("kind", "=", "listing_withdrawn").execute();
});

test("each row leads to the event, to what it is about and to who did it", async () => {
  const { text } = await get(site.app, "/oversight?kind=enquiry_received", ada);
  expect(text).toMatch(/href="\/oversight\/events\/\d+">Enquiry</);
  expect(text).toMatch(/href="\/enquiries\/\d+">Copper cathode</);
  expect(text).toContain(`href="/oversight/people/${site.world.cast.bea.id}"`);
});

test("the database and the pages agree on whom an event is about", async () => {
  const events = (await readEvents(site.db)
    .select(sql<number[]>`event_people(actor_id, data)`.as("people"))
    .execute()) as unknown as (EventRow & { people: string[] })[];
  expect(events.length).toBeGreaterThan(3);
  for (const event of events) expect(event.people.map(Number)).toEqual(peopleIn(event));
});
