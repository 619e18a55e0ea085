import { sql } from "kysely";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createBus } from "../../src/bus.ts";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { startWorker } from "../../src/runner.ts";
import { timetable } from "../../src/timetable.ts";
import { createSite, get, OWN, post, type Site, signIn } from "../accounts/site.ts";
import { publishedListing } from "../cast.ts";
import { atBrowser } from "../journey/people.ts";
import { serve, type TestServer } from "../server.ts";
import { later } from "./later.ts";

let site: Site;
let server: TestServer;
let ada: string;
let listing: ListingView;
beforeAll(async () => {
  site = await createSite();
  server = await serve(site.world);
  ada = await signIn(site.app, site.world.cast.ada);
  const { db, cast } = site.world;
  await later(db, 5);
  listing = await publishedListing(db, cast.sol, { title: "Nickel <briquettes>" });
  await watchListing(db, cast.otto, listing.id);
  await later(db, 1);
  await reserveListing(db, cast.ada, listing, { buyerId: cast.bea.id, hours: 5 });
  await site.world.drain();
  await later(db, 1);
});
afterAll(async () => {
  await server.close();
  await site.close();
});

const prove = (cookie = ada, headers = {}) => post(site.app, "/oversight/proof", {}, cookie, { ...OWN, ...headers });
const page = async () => plain((await get(site.app, "/oversight/proof", ada)).text);

function plain(html: string): string {
  return html.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
}

async function jobs(): Promise<number> {
  const { rows } = await sql`select from graphile_worker.jobs where task_identifier = 'prove_isolation'`.execute(
    site.db,
  );
  return rows.length;
}

/** Whoever takes jobs says that it is done before the last of them is off the list, and a click until then adds none. */
async function proven(): Promise<void> {
  await site.world.drain();
  await expect.poll(jobs).toBe(0);
}

async function lose(person: { id: number }): Promise<void> {
  await sql`delete from notifications where recipient_id = ${person.id} and event_id in (
    select id from events where kind = 'listing_reserved')`.execute(site.db);
}

test("before the first proof the page says so; two clicks are one job, and meanwhile it is under way", async () => {
  expect(await page()).toContain("There is none yet");
  const answers = await Promise.all([prove(), prove()]);
  for (const answer of answers) expect([answer.status, answer.headers.location]).toEqual([303, "/oversight/proof"]);
  expect(await jobs()).toBe(1);
  expect(await page()).toContain("It is being proven");
  await proven();
  const after = await page();
  expect(after).toContain("Nothing is different");
  expect(after).toContain("2 events, 3 notifications, 0 not judged.");
  expect(after).not.toContain("It is being proven");
});

test("while it runs a click adds no second one", async () => {
  await prove();
  await sql`update graphile_worker._private_jobs set locked_at = now(), locked_by = 'a worker'`.execute(site.db);
  await prove();
  expect(await jobs()).toBe(1);
  expect(await page()).toContain("It is being proven");
  await sql`update graphile_worker._private_jobs set locked_at = null, locked_by = null`.execute(site.db);
  await proven();
});

test("a difference is shown with the event, the person and what is wrong, and as a figure for whoever watches over it", async () => {
  const { db, cast } = site.world;
  await lose(cast.otto);
  await prove();
  await proven();
  const { text } = await get(site.app, "/oversight/proof", ada);
  expect(plain(text)).toContain("1 difference");
  expect(plain(text)).toContain("Otto Olsen, Olsen Works was not told and should have been: they watch it");
  const { id } = await db
    .selectFrom("events")
    .select("id")
    .where("kind", "=", "listing_reserved")
    .executeTakeFirstOrThrow();
  expect(text).toContain(`<a href="/oversight/events/${id}">Reserved: Nickel &lt;briquettes&gt;</a>`);
  const metrics = await get(site.appWith({ metricsToken: "token" }), "/metrics", "", { Authorization: "Bearer token" });
  expect(metrics.text).toMatch(/^stockbell_proof_differences 1$/m);
});

test("nobody but an admin sees it or starts it", async () => {
  const { cast } = site.world;
  for (const person of [cast.bea, cast.sol, cast.rita]) {
    const cookie = await signIn(site.app, person);
    expect((await get(site.app, "/oversight/proof", cookie)).status).toBe(403);
    expect((await prove(cookie)).status).toBe(403);
    expect((await prove(cookie, { "HX-Request": "true" })).status).toBe(403);
  }
  expect((await prove("", { "HX-Request": "true" })).status).toBe(401);
  expect(await jobs()).toBe(0);
  expect((await get(site.app, "/oversight/proof", ada)).status).toBe(200);
});

test("thirty proofs are listed, the last first, each with who asked for it", async () => {
  await site.db.deleteFrom("proofs").execute();
  await sql`
    insert into proofs (begun_at, since, by, events, recipients, not_judged, leaks, lost, other_reasons, no_rule,
      undelivered, differences, waiting)
    select now(), now(), case when n % 2 = 0 then ${site.world.cast.ada.id}::bigint end, n, 0, 0, 0, 0, 0, 0, 0, '[]', '[]'
    from generate_series(1, 35) n order by n`.execute(site.db);
  const { text } = await get(site.app, "/oversight/proof", ada);
  const rows = [...text.matchAll(/data-proof="\d+">(.*?)<\/li>/gs)].map(([, row = ""]) => plain(row));
  expect(rows).toHaveLength(30);
  expect(rows[0]).toMatch(/35 events.*Nightly/);
  expect(rows[1]).toMatch(/34 events.*Ada Adeyemi/);
});

test.each([true, false])(
  "at a browser the result appears when it is there, with scripting: %s",
  async (javaScriptEnabled) => {
    await site.db.deleteFrom("proofs").execute();
    await lose(site.world.cast.otto);
    const { page, problems } = await atBrowser(server.url, site.world.cast.ada, { javaScriptEnabled });
    await page.goto("/oversight");
    await page.getByRole("link", { name: "Proof" }).click();
    await page.waitForSelector('#proof[data-state="never"]');
    await page.getByRole("button", { name: "Prove it now" }).press("Enter");
    if (!javaScriptEnabled) await page.waitForSelector('#proof[data-state="running"]');
    await expect.poll(jobs).toBe(1);
    await proven();
    if (!javaScriptEnabled) await page.getByRole("link", { name: "Look again" }).click();
    await page.waitForSelector('#proof[data-state="different"]');
    expect(await page.locator('[data-difference="lost"]').count()).toBe(1);
    if (javaScriptEnabled) expect(await page.locator(":focus").textContent()).toContain("The last proof");
    expect(problems).toEqual([]);
  },
);

test("it is proven every night: it is on the timetable, and a worker keeps to that", async () => {
  const found = timetable.filter(({ task }) => task === "prove_isolation");
  expect(found).toHaveLength(1);
  const day = Array.from({ length: 1440 }, (_, minute) => ({
    min: minute % 60,
    hour: Math.floor(minute / 60),
    date: 28,
    month: 11,
    dow: 6,
  }));
  expect(day.filter((moment) => found[0]?.match(moment))).toHaveLength(1);
  const { config, log } = site.world;
  const bus = createBus(config, log);
  const worker = await startWorker({ config, bus, log });
  onTestFinished(async () => {
    await worker.stop();
    await bus.close();
  });
  const known = async () =>
    (await sql<{ identifier: string }>`select identifier from graphile_worker._private_known_crontabs`.execute(site.db))
      .rows;
  await expect.poll(known).toContainEqual({ identifier: "prove_isolation" });
});
