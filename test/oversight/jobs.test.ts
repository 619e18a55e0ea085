import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { enquire, reply } from "../../src/marketplace/enquiries.ts";
import type { ListingView } from "../../src/marketplace/listings.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { createSite, get, OWN, post, type Site, signIn } from "../accounts/site.ts";
import { createPerson, publishedListing } from "../cast.ts";
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

const giveUp = (id: number, cookie: string, headers: Record<string, string> = {}) =>
  post(site.app, `/oversight/jobs/${id}/give-up`, {}, cookie, { ...OWN, ...headers });
const jobIsThere = async (id: number) =>
  (await sql`select 1 from graphile_worker._private_jobs where id = ${id}`.execute(site.db)).rows.length === 1;

test("what was set aside is given up: it goes out of the queue, nobody is told, and the audit log says who did it", async () => {
  const { id, listing } = await setAside();
  for (const person of [site.world.cast.sol, site.world.cast.bea]) {
    expect((await giveUp(id, await signIn(site.app, person))).status).toBe(403);
  }
  expect(await jobIsThere(id)).toBe(true);
  const answer = await giveUp(id, ada);
  expect([answer.status, answer.headers.location]).toEqual([303, "/oversight/jobs?given-up"]);
  expect(await jobIsThere(id)).toBe(false);
  const { text } = await get(site.app, "/oversight/jobs?given-up", ada);
  expect(rowsOf(text).has(id)).toBe(false);
  expect(text).toContain("It is given up");
  const noted = await site.db.selectFrom("audit_log").selectAll().where("action", "=", "job_given_up").execute();
  const details = expect.objectContaining({ job: id, task: "deliver_event" });
  expect(noted).toMatchObject([{ actor_id: site.world.cast.ada.id, subject_id: null, details }]);
  expect((await giveUp(id, ada)).status).toBe(404);
  expect(await beasInbox(listing)).toBe(0);
});

test("what runs, or waits for another try, cannot be given up: 409 with how it stands, and it stays", async () => {
  const { id } = await setAside();
  const states = {
    running: sql`locked_at = now(), locked_by = 'another worker'`,
    retrying: sql`locked_at = null, locked_by = null, attempts = 3`,
  };
  for (const [state, change] of Object.entries(states)) {
    await sql`update graphile_worker._private_jobs set ${change} where id = ${id}`.execute(site.db);
    const page = await giveUp(id, ada);
    expect([page.status, rowsOf(page.text).get(id)?.state]).toEqual([409, state]);
    const fragment = await giveUp(id, ada, { "HX-Request": "true" });
    expect([fragment.status, rowsOf(fragment.text).get(id)?.state]).toEqual([409, state]);
    expect(await jobIsThere(id)).toBe(true);
  }
  const counted = await sql`select 1 from audit_log where (details ->> 'job')::bigint = ${id}`.execute(site.db);
  expect(counted.rows).toEqual([]);
});

test.each([true, false])(
  "by keyboard a job is given up after a question, with scripting: %s",
  async (javaScriptEnabled) => {
    const { id } = await setAside();
    const { page, problems } = await atBrowser(server.url, site.world.cast.ada, { javaScriptEnabled });
    await page.goto("/oversight/jobs");
    const row = page.locator(`#job-${id}`);
    expect(await row.getByRole("button", { name: "Give it up" }).isVisible()).toBe(false);
    await row.locator("summary").press("Enter");
    await row.getByRole("button", { name: "Give it up" }).press("Enter");
    if (javaScriptEnabled) {
      await page.waitForSelector(`#job-${id}[data-state="given-up"]`);
      expect((await page.locator(":focus").textContent())?.trim()).toBe("Given up: it will not be run again");
    } else await page.getByText("It is given up").waitFor();
    expect(await jobIsThere(id)).toBe(false);
    expect(problems).toEqual([]);
  },
);

/** An enquiry whose buyer has waited for so many hours. */
async function waiting(hours: number, title = "Tin"): Promise<number> {
  const { db, world } = site;
  const listing = await publishedListing(db, world.cast.rita, { title });
  const id = await enquire(db, world.cast.otto, listing.id, "Is it still there?");
  await sql`update enquiries set waiting_since = now() - ${hours} * interval '1 hour' where id = ${id}`.execute(db);
  return id;
}

async function unanswered(query = ""): Promise<{ ids: number[]; next: string | undefined; text: string }> {
  const { text } = await get(site.app, `/oversight/jobs${query}`, ada);
  const ids = [...text.matchAll(/data-enquiry="(\d+)"/g)].map(([, id]) => Number(id));
  return { ids, next: /href="\/oversight\/jobs(\?waiting=[\d-]+)#unanswered"/.exec(text)?.[1], text };
}

test("who has waited for a day is listed: who, for whom, about what, since when; answered and younger ones are not", async () => {
  const { db, world } = site;
  expect((await unanswered()).text).toContain("Nobody waits for longer than a day");
  const [older, old] = [await waiting(49), await waiting(24.01, "Antimony <pure>")];
  const [young, answered] = [await waiting(23.9), await waiting(30)];
  await reply(db, world.cast.rita, answered, "It is.");
  const { ids, next, text } = await unanswered();
  expect(ids).toEqual([older, old]);
  expect(next).toBeUndefined();
  const [, row = ""] = new RegExp(`data-enquiry="${old}">(.*?)</li>`, "s").exec(text) ?? [];
  expect(plain(row)).toMatch(
    /Otto Olsen, Olsen Works .*Waits for Rita Rossi, Rossi Supply · about Antimony &lt;pure&gt; .*Since /,
  );
  expect(row).toContain(`href="/enquiries/${old}"`);
  expect((await get(site.app, `/enquiries/${old}`, ada)).status).toBe(200);
  await sql`update enquiries set waiting_since = now() - interval '25 hours' where id = ${young}`.execute(db);
  expect((await unanswered()).ids).toEqual([older, young, old]);
  await sql`update enquiries set waiting_since = null`.execute(db);
});

test("of very many that wait each is on one page, whoever waits since the same moment", async () => {
  const { db, world } = site;
  const buyer = await createPerson(db, { role: "buyer" });
  const listing = await publishedListing(db, world.cast.sol);
  const first = await enquire(db, buyer, listing.id, "Hello?");
  await sql`
    with people as (
      insert into users (email, name, company, role, password_hash)
      select 'asks-' || n || '@demo.test', 'One of many', 'Company', 'buyer', 'none' from generate_series(1, 119) n returning id)
    insert into enquiries (listing_id, buyer_id) select ${listing.id}, id from people`.execute(db);
  await sql`update enquiries set waiting_since = date_trunc('second', now()) - interval '2 days' + (id % 3) * interval '1 microsecond'
    where listing_id = ${listing.id}`.execute(db);
  const seen: number[] = [];
  const sizes: number[] = [];
  for (let query: string | undefined = ""; query !== undefined; ) {
    const page = await unanswered(query);
    seen.push(...page.ids);
    sizes.push(page.ids.length);
    query = page.next;
  }
  expect(sizes).toEqual([50, 50, 20]);
  expect(new Set(seen).size).toBe(120);
  expect(seen).toContain(first);
  expect((await unanswered("?waiting=nonsense")).ids).toHaveLength(50);
  await sql`update enquiries set waiting_since = null`.execute(db);
});
