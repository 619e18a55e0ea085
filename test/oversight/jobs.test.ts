import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { createSite, get, OWN, post, type Site, signIn } from "../accounts/site.ts";
import { publishedListing } from "../cast.ts";
import { atBrowser } from "../journey/people.ts";
import { failedJob } from "../poison.ts";
import { serve, type TestServer } from "../server.ts";

let site: Site;
let server: TestServer;
let ada: string;
beforeAll(async () => {
  site = await createSite();
  server = await serve(site.world);
  ada = await signIn(site.app, site.world.cast.ada);
});
afterAll(async () => {
  await server.close();
  await site.close();
});

/** A listing that Bea watches has been withdrawn, and telling her of it has failed for good. */
async function setAside(error?: string): Promise<{ id: number; listing: ListingView }> {
  const { db, world } = site;
  const listing = await publishedListing(db, world.cast.sol);
  await watchListing(db, world.cast.bea, listing.id);
  await world.drain();
  await withdrawListing(db, world.cast.sol, listing);
  return { id: await failedJob(db, listing.id, error), listing };
}

const retry = (id: number, cookie: string, headers: Record<string, string> = {}) =>
  post(site.app, `/oversight/jobs/${id}/retry`, {}, cookie, { ...OWN, ...headers });

/** The jobs as the page shows them: state and words, by id. */
function rowsOf(html: string): Map<number, { state: string; text: string }> {
  const rows = html.matchAll(/<li class="row" id="job-(\d+)" data-job="\d+" data-state="(\w+)">(.*?)<\/li>/gs);
  return new Map([...rows].map(([, id, state = "", inner = ""]) => [Number(id), { state, text: plain(inner) }]));
}

function plain(html: string): string {
  return html.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
}

async function beasInbox(listing: ListingView): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*) from notifications join events on events.id = event_id
    where recipient_id = ${site.world.cast.bea.id} and events.listing_id = ${listing.id}`.execute(site.db);
  return rows[0]?.count ?? 0;
}

test("R-15: an admin sees what was set aside: what it is for, about what, why, when and after how many tries", async () => {
  const { id, listing } = await setAside("division by <zero>\n    at the second line");
  const { text, status } = await get(site.app, "/oversight/jobs", ada);
  expect(status).toBe(200);
  const row = rowsOf(text).get(id);
  expect(row?.state).toBe("failed");
  expect(row?.text).toMatch(
    new RegExp(`Tell people of what happened Withdrawn ${listing.title} .*division by &lt;zero&gt; .*8 tries`),
  );
  expect(row?.text).not.toContain("second line");
  expect(text).toContain(`href="/listings/${listing.id}"`);
  expect(plain((await get(site.app, "/oversight", ada)).text)).toMatch(/Stuck work 1 set aside .*A job has been set/);
});

test("R-15: nobody else sees it or has it run again", async () => {
  const { id, listing } = await setAside();
  for (const person of [site.world.cast.sol, site.world.cast.bea]) {
    const cookie = await signIn(site.app, person);
    const page = await get(site.app, "/oversight/jobs", cookie);
    expect([page.status, page.text.includes(listing.title)]).toEqual([403, false]);
    expect((await retry(id, cookie)).status).toBe(403);
  }
  expect((await retry(id, "")).headers.location).toBe("/sign-in");
  await site.world.drain();
  expect(await beasInbox(listing)).toBe(0);
});

test("R-15: an admin has it run again: it is done, no longer listed, and the log says who did it", async () => {
  const { id, listing } = await setAside();
  const answer = await retry(id, ada);
  expect([answer.status, answer.headers.location]).toEqual([303, "/oversight/jobs?again"]);
  expect(rowsOf((await get(site.app, "/oversight/jobs", ada)).text).get(id)?.state).toBe("again");
  expect((await retry(id, ada)).status).toBe(303);
  await site.world.drain();
  expect(await beasInbox(listing)).toBe(1);
  const { text } = await get(site.app, "/oversight/jobs?again", ada);
  expect(rowsOf(text).has(id)).toBe(false);
  expect(text).toContain("It runs again.");
  const said = site
    .logged()
    .split("\n")
    .find((line) => line.includes(`"job":${id},`));
  expect(JSON.parse(said ?? "{}")).toMatchObject({ task: "deliver_event", admin: site.world.cast.ada.id });
  expect((await retry(id, ada)).status).toBe(404);
});

test("R-15: what runs at this moment is not run a second time: 409 with how it stands", async () => {
  const { id } = await setAside();
  const mark = (by: string | null) =>
    sql`update graphile_worker._private_jobs set locked_at = ${by ? sql`now()` : null}, locked_by = ${by} where id = ${id}`.execute(
      site.db,
    );
  await mark("another worker");
  const page = await retry(id, ada);
  expect([page.status, rowsOf(page.text).get(id)?.state]).toEqual([409, "running"]);
  const fragment = await retry(id, ada, { "HX-Request": "true" });
  expect([fragment.status, rowsOf(fragment.text).get(id)?.state]).toEqual([409, "running"]);
  expect(fragment.text).not.toContain("<html");
  await mark(null);
  expect(rowsOf((await get(site.app, "/oversight/jobs", ada)).text).get(id)?.state).toBe("failed");
});

test("R-15: a job that has never failed is not listed and cannot be hurried on", async () => {
  const { rows } = await sql<{ id: number }>`
    select id from graphile_worker.add_job('expire_reservation', '{"reservationId":1}', run_at := now() + interval '1 hour')`.execute(
    site.db,
  );
  const [{ id } = { id: 0 }] = rows;
  expect(rowsOf((await get(site.app, "/oversight/jobs", ada)).text).has(id)).toBe(false);
  expect((await retry(id, ada)).status).toBe(404);
});

test.each([true, false])("R-15: by keyboard, with scripting: %s", async (javaScriptEnabled) => {
  const { id, listing } = await setAside();
  const { page, problems } = await atBrowser(server.url, site.world.cast.ada, { javaScriptEnabled });
  await page.goto("/oversight");
  await page.getByRole("link", { name: "Look at what failed" }).click();
  const row = page.locator(`#job-${id}`);
  const button = row.getByRole("button", { name: /^Run again/ });
  expect(plain((await button.textContent()) ?? "")).toBe(`Run again: Tell people of what happened, ${listing.title}`);
  await button.press("Enter");
  await page.waitForSelector(`#job-${id}[data-state="again"]`);
  expect(await row.getByRole("button").count()).toBe(0);
  // Whoever came by keyboard is not thrown back to the top of the page.
  if (javaScriptEnabled) expect((await page.locator(":focus").textContent())?.trim()).toBe("Runs again at once");
  await site.world.drain();
  expect(await beasInbox(listing)).toBe(1);
  await page.goto("/oversight/jobs");
  expect(await row.count()).toBe(0);
  expect(problems).toEqual([]);
});
