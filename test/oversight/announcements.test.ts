import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Bus } from "../../src/bus.ts";
import { sendBatch } from "../../src/notifications/broadcast.ts";
import { deliverAlone, deliverEvent } from "../../src/notifications/deliver.ts";
import { savePreferences } from "../../src/notifications/preferences.ts";
import { watchForStragglers } from "../../src/notifications/stragglers.ts";
import { createSite, get, OWN, post, type Site, signIn } from "../accounts/site.ts";
import { createCrowd, createPerson } from "../cast.ts";
import { atBrowser, live } from "../journey/people.ts";
import { serve, type TestServer } from "../server.ts";
import { named } from "../sse.ts";
import { activePeople, announced, audited, holders, rowOf, runBatches, WORDS, wrongInboxes } from "./announcing.ts";

const PAGE = "/oversight/announcements";
const HTMX = { ...OWN, "HX-Request": "true" };

let site: Site;
let server: TestServer;
let ada: string;
beforeAll(async () => {
  site = await createSite();
  server = await serve(site.world);
  ada = await signIn(site.app, site.world.cast.ada);
  // Three batches of buyers, and one of sellers.
  await createCrowd(site.db, 1100);
  await sql`update users set status = 'suspended' where id in (select max(id) from users where role = 'buyer')`.execute(
    site.db,
  );
});
afterAll(async () => {
  await server.close();
  await site.close();
});

const send = (fields: Record<string, string>, headers: Record<string, string> = OWN) =>
  post(site.app, PAGE, fields, ada, headers);
const preview = (fields: Record<string, string>) => post(site.app, `${PAGE}/preview`, fields, ada);
const step = (id: number, name: string, headers: Record<string, string> = OWN) =>
  post(site.app, `${PAGE}/${id}/${name}`, {}, ada, headers);
const firstBatch = (announcementId: number) => sendBatch(site.world, { announcementId, after: 0 });

async function latest(): Promise<number> {
  return (await site.db.selectFrom("announcements").select("id").orderBy("id", "desc").executeTakeFirstOrThrow()).id;
}

async function countOf(): Promise<number[]> {
  const counts = ["announcements", "events", "notifications"].map((table) =>
    sql<{ count: number }>`select count(*) from ${sql.table(table)}`.execute(site.db),
  );
  return (await Promise.all(counts)).map(({ rows }) => rows[0]?.count ?? -1);
}

/** What the list says of one. */
async function said(id: number): Promise<string> {
  const { text } = await get(site.app, PAGE, ada);
  const [, inner = ""] = new RegExp(`id="announcement-progress-${id}"[^>]*>(.*?)</p>`, "s").exec(text) ?? [];
  return inner.replace(/<[^>]*>/g, "").trim();
}

test.each([
  ["buyer", ["buyer"]],
  ["seller", ["seller"]],
  ["everybody", ["buyer", "seller"]],
] as const)(
  "announced to '%s': as many as the preview says are told, active people of %j, nobody else, each once",
  async (role, roles) => {
    const before = await countOf();
    const looked = await preview({ role, ...WORDS });
    expect(looked.status).toBe(200);
    const count = Number(/data-recipients="(\d+)"/.exec(looked.text)?.[1]);
    const wanted = await activePeople(site.db, [...roles]);
    expect(count).toBe(wanted.length);
    expect(looked.text).toContain("Stockbell announces: A break on Sunday");
    expect(looked.text).toMatch(/<article class="toast".*<li class="inbox-row"/s);
    expect(await countOf()).toEqual(before);

    const [, token = ""] = /name="token" value="([^"]+)"/.exec(looked.text) ?? [];
    expect((await send({ role, ...WORDS, token })).headers.location).toBe(`${PAGE}#announced`);
    const id = await latest();
    await runBatches(site.world);
    expect(await holders(site.db, id)).toEqual(wanted);
    expect(await rowOf(site.db, id)).toMatchObject({ state: "sent", told: count, total: count });
    expect(await said(id)).toBe(`Sent to ${count.toLocaleString("en-GB")}`);
    expect(await wrongInboxes(site.db)).toEqual([]);
    expect(await audited(site.db, id)).toEqual([["announcement_sent", site.world.cast.ada.id]]);
  },
);

test("whoever comes after it was sent is not told, nor whoever is suspended before their batch; the page says so", async () => {
  const id = await announced(site.db, site.world.cast.ada);
  const last = await createPerson(site.db, { role: "buyer" });
  await firstBatch(id);
  const [left] = (await activePeople(site.db, ["buyer"])).slice(-2);
  await site.db.updateTable("users").set({ status: "suspended" }).where("id", "=", Number(left)).execute();
  await runBatches(site.world);
  const told = await holders(site.db, id);
  expect(told).not.toContain(last.id);
  expect(told).not.toContain(left);
  const { total } = await rowOf(site.db, id);
  expect(told).toHaveLength(total - 1);
  expect(await said(id)).toMatch(/^Sent to 1,\d+ of 1,\d+: the others may no longer be told$/);
});

test("a double click sends once, and is in the audit log once", async () => {
  const token = crypto.randomUUID();
  const before = await countOf();
  const answers = await Promise.all([1, 2, 3].map(() => send({ role: "seller", ...WORDS, token })));
  expect(answers.map(({ status }) => status)).toEqual([303, 303, 303]);
  await runBatches(site.world);
  const [announcements, events] = before.map((count) => count + 1);
  expect((await countOf()).slice(0, 2)).toEqual([announcements, events]);
  expect(await audited(site.db, await latest())).toHaveLength(1);
  await send({ role: "seller", ...WORDS, token: crypto.randomUUID() });
  expect((await countOf())[0]).toBe(Number(announcements) + 1);
  await runBatches(site.world);
});

test("stopped after the first batch nobody else is told; resumed the others are, and nobody twice", async () => {
  const id = await announced(site.db, site.world.cast.ada);
  await firstBatch(id);
  expect(await said(id)).toMatch(/^Sending: 500 of 1,\d+$/);
  expect((await step(id, "stop")).headers.location).toBe(`${PAGE}#announced`);
  await runBatches(site.world);
  expect(await holders(site.db, id)).toHaveLength(500);
  expect(await said(id)).toMatch(/^Stopped: 500 of 1,\d+ have been told$/);

  const again = await step(id, "stop");
  expect([again.status, again.text.includes("It is not being sent any more.")]).toEqual([409, true]);
  const fragment = await step(id, "stop", HTMX);
  expect([fragment.status, /data-state="stopped"/.test(fragment.text)]).toEqual([409, true]);
  expect(fragment.text).not.toContain("<html");

  expect((await step(id, "resume")).status).toBe(303);
  await runBatches(site.world);
  const wanted = await activePeople(site.db, ["buyer"]);
  expect(await holders(site.db, id)).toEqual(wanted);
  expect((await step(id, "resume")).status).toBe(409);
  const by = site.world.cast.ada.id;
  expect(await audited(site.db, id)).toEqual([
    ["announcement_stopped", by],
    ["announcement_resumed", by],
  ]);
  expect(await wrongInboxes(site.db)).toEqual([]);
  for (const name of ["stop", "resume", "recall"]) expect((await step(999_999, name)).status).toBe(404);
});

test("killed between its commit and the bell it is told when its job runs again; run twice it tells nobody twice", async () => {
  const person = await createPerson(site.db, { role: "seller" });
  const stream = await server.stream(await server.signIn(person));
  const id = await announced(site.db, site.world.cast.ada, { to: "seller" });
  const silent: Bus = { ...site.world.bus, up: true, publish: () => Promise.reject(new Error("killed")) };
  await sendBatch({ ...site.world, bus: silent }, { announcementId: id, after: 0 });
  expect(stream.events.filter(named("toast"))).toEqual([]);
  await sendBatch(site.world, { announcementId: id, after: 0 }, 2);
  await stream.next(named("toast"), 1000);
  await sendBatch(site.world, { announcementId: id, after: 0 }, 3);
  await runBatches(site.world);
  expect(stream.seqs()).toEqual([1]);
  expect((await rowOf(site.db, id)).told).toBe((await holders(site.db, id)).length);
});

test("a batch that runs again while others are being told changes nothing: neither how far it has come nor what follows", async () => {
  const id = await announced(site.db, site.world.cast.ada);
  await firstBatch(id);
  const { sent_up_to: after } = await rowOf(site.db, id);
  await sendBatch(site.world, { announcementId: id, after });
  const row = await rowOf(site.db, id);
  const waiting = () =>
    sql<{ after: number }>`
      select (payload ->> 'after')::bigint as after from graphile_worker._private_jobs jobs
      join graphile_worker._private_tasks tasks on tasks.id = task_id and identifier = 'send_announcement'
      where (payload ->> 'announcementId')::bigint = ${id} order by 1`.execute(site.db);
  const { rows: jobs } = await waiting();
  expect(jobs.map((job) => job.after)).toEqual([0, after, row.sent_up_to]);
  for (const attempt of [1, 2]) await sendBatch(site.world, { announcementId: id, after: 0 }, attempt);
  expect(await rowOf(site.db, id)).toEqual(row);
  expect((await waiting()).rows).toEqual(jobs);
  await runBatches(site.world);
  expect(await holders(site.db, id)).toEqual(await activePeople(site.db, ["buyer"]));
});

test("neither a job of its event nor the look for stragglers tells everybody at once", async () => {
  const id = await announced(site.db, site.world.cast.ada);
  const { event_id } = await rowOf(site.db, id);
  const looked: number[] = [];
  const watch = watchForStragglers(site.world, async (eventId) => void looked.push(eventId));
  await sql`update events set occurred_at = now() - interval '1 minute' where id = ${event_id}`.execute(site.db);
  for (const attempt of [1, 2]) {
    await deliverEvent(site.world, event_id, attempt);
    await deliverAlone(site.world, event_id, attempt);
  }
  // It looks every three seconds.
  await new Promise((resolve) => setTimeout(resolve, 3300));
  await watch.stop();
  expect(looked).toEqual([]);
  expect(await holders(site.db, id)).toEqual([]);
  await runBatches(site.world);
  expect(await holders(site.db, id)).toEqual(await activePeople(site.db, ["buyer"]));
});

test("it cannot be switched off; in quiet hours it comes to the inbox without a toast", async () => {
  const { db } = site;
  const [off, quiet] = [await createPerson(db, { role: "seller" }), await createPerson(db, { role: "seller" })];
  await sql`insert into kind_preferences values (${off.id}, 'announcement', 'off')`.execute(db);
  const { rows } = await sql<{ from: string; to: string }>`
    select to_char(now() at time zone 'UTC' - interval '1 hour', 'HH24:MI') as from,
      to_char(now() at time zone 'UTC' + interval '1 hour', 'HH24:MI') as to`.execute(db);
  const times = { quietFrom: rows[0]?.from ?? null, quietTo: rows[0]?.to ?? null, timeZone: "UTC" };
  await savePreferences(db, quiet.id, { ...times, keepToasts: false, shown: {} });
  const id = await announced(db, site.world.cast.ada, { to: "seller" });
  await runBatches(site.world);
  const { event_id } = await rowOf(db, id);
  const told = await db
    .selectFrom("notifications")
    .select(["recipient_id as who", "quiet"])
    .where("event_id", "=", event_id)
    .where("recipient_id", "in", [off.id, quiet.id])
    .orderBy("recipient_id")
    .execute();
  expect(told).toEqual([
    { who: off.id, quiet: false },
    { who: quiet.id, quiet: true },
  ]);
});

test("nobody but an admin sees the page or sends anything", async () => {
  const before = await countOf();
  for (const person of [site.world.cast.bea, site.world.cast.sol]) {
    const cookie = await signIn(site.app, person);
    const asked = [
      await get(site.app, PAGE, cookie),
      await post(site.app, PAGE, { role: "buyer", ...WORDS }, cookie),
      await post(site.app, `${PAGE}/preview`, { role: "buyer", ...WORDS }, cookie),
      await post(site.app, `${PAGE}/${await latest()}/recall`, {}, cookie),
    ];
    expect(asked.map(({ status }) => status)).toEqual([403, 403, 403, 403]);
  }
  expect(await countOf()).toEqual(before);
});

test.each([
  ["role", { role: "admin" }, "Choose who is to be told."],
  ["title", { title: " " }, "Enter a title."],
  ["title", { title: "x".repeat(81) }, "Use 80 characters at the most."],
  ["text", { text: "\n" }, "Enter what you announce."],
  ["text", { text: "x".repeat(1001) }, "Use 1000 characters at the most."],
])("a wrong %s is told beside its field, what was typed stays, and nothing is sent: %j", async (name, wrong, words) => {
  const before = await countOf();
  const fields = { role: "buyer", ...WORDS, ...wrong };
  for (const answer of [await preview(fields), await send(fields)]) {
    expect(answer.status).toBe(422);
    expect(answer.text).toContain(`<a href="#field-${name}">${words}</a>`);
    if (name !== "text") expect(answer.text).toContain("From eight to nine nothing can be published.\nThank you.");
  }
  const fragment = await send(fields, HTMX);
  expect([fragment.status, fragment.text.includes("<html"), fragment.text.includes(words)]).toEqual([422, false, true]);
  expect(await countOf()).toEqual(before);
});

test("a program that sends a role and a text alone has the text's beginning as a title", async () => {
  expect((await send({ role: "seller", text: "Prices may be in CHF.\nFrom Monday on." })).status).toBe(303);
  await runBatches(site.world);
  const { text } = await get(site.app, "/notifications", await signIn(site.app, site.world.cast.sol));
  expect(text).toContain("Stockbell announces: Prices may be in CHF.<");
});

test("whoever was told reads all of it on its page, as text; others have no such page", async () => {
  const text = `<b>Bold</b> words.\n${"And many more of them. ".repeat(20)}The end.`;
  await announced(site.db, site.world.cast.ada, { to: "seller", title: "<i>Fees</i>", text });
  await runBatches(site.world);
  const sol = await signIn(site.app, site.world.cast.sol);
  const inbox = await get(site.app, "/notifications", sol);
  const [, link = ""] = /class="inbox-link"[^>]* href="([^"]+)"/.exec(inbox.text) ?? [];
  expect(link).toMatch(/^\/notifications\/\d+$/);
  expect(inbox.text).not.toContain("The end.");
  const page = await get(site.app, link, sol);
  expect(page.text).toMatch(/&lt;i&gt;Fees&lt;\/i&gt;.*&lt;b&gt;Bold&lt;\/b&gt; words\.\n.*The end\./s);
  expect(page.text).toContain("What Stockbell announces cannot be switched off");
  const other = await createPerson(site.db, { role: "seller" });
  expect((await get(site.app, link, await signIn(site.app, other))).status).toBe(404);
  const groups = await get(site.app, "/notifications?by=listing", sol);
  expect(groups.text).toMatch(/href="\/notifications\?kind=announcement">Announcements</);
});

test("by hand and without JavaScript: written, looked at, changed, looked at again and sent", async () => {
  const { page, problems } = await atBrowser(server.url, site.world.cast.ada, { javaScriptEnabled: false });
  await page.goto("/oversight");
  await page.getByRole("link", { name: "Announcements" }).click();
  await page.getByLabel("All sellers").check();
  await page.getByLabel("Title").fill("Holidays");
  await page.getByLabel("Text").fill("We are away.\nUntil Monday.");
  await page.getByRole("button", { name: "Look at it first" }).click();
  expect(await page.locator(".toast .toast-text").textContent()).toBe("Stockbell announces: Holidays");
  await page.getByRole("button", { name: "Change it" }).click();
  expect(await page.getByLabel("Text").inputValue()).toBe("We are away.\nUntil Monday.");
  expect(await page.getByLabel("All sellers").isChecked()).toBe(true);
  await page.getByLabel("Title").fill("Easter");
  await page.getByRole("button", { name: "Look at it first" }).click();
  const count = Number(await page.locator("[data-recipients]").getAttribute("data-recipients"));
  await page.getByRole("button", { name: `Send to ${count} sellers` }).click();
  const row = page.locator("[data-announcement]").first();
  expect(await row.textContent()).toMatch(new RegExp(`Easter.*Sending: 0 of ${count}`, "s"));
  await runBatches(site.world);
  await page.reload();
  expect(await row.textContent()).toContain(`Sent to ${count}`);
  expect(problems).toEqual([]);
});

test("a page that was rendered before a batch, and whose stream opens or polls after it, is shown how far it has come", async () => {
  const id = await announced(site.db, site.world.cast.ada);
  const since = new Date().toISOString();
  await runBatches(site.world);
  const tellsOf = ({ event, data }: { event: string; data: string }) =>
    event === "oversight" && data.includes(`id="announcement-progress-${id}"`);
  const stream = await server.stream(ada, `?lastEventId=0&since=${since}`);
  expect((await stream.next(tellsOf)).data).toMatch(/data-state="sent"[^>]*hx-swap-oob="true"/);
  const poll = (cookie: string, time: string) =>
    get(site.app, `/stream/fallback?after=0&since=${time}`, cookie).then(({ text }) => text);
  expect(await poll(ada, since)).toContain(`id="announcement-progress-${id}"`);
  const bea = await signIn(site.app, site.world.cast.bea);
  expect(await poll(bea, since)).not.toContain("announcement-progress");
  await sql`alter table announcements disable trigger announcement_moves`.execute(site.db);
  await sql`update announcements set moved_at = now() - interval '1 hour'`.execute(site.db);
  await sql`alter table announcements enable trigger announcement_moves`.execute(site.db);
  expect(await poll(ada, new Date().toISOString())).not.toContain("announcement-progress");
});

test("an open page follows how far it has come, and leaves alone what its admin is about to press", async () => {
  const id = await announced(site.db, site.world.cast.ada);
  const { page, problems } = await atBrowser(server.url, site.world.cast.ada);
  await page.goto(PAGE);
  await live(page);
  const [progress, row] = [page.locator(`#announcement-progress-${id}`), page.locator(`#announcement-${id}`)];
  await row.locator("summary").click();
  await page.evaluate(`document.querySelector("#announcement-actions-${id}").isStillThere = true`);
  await firstBatch(id);
  await page.waitForSelector(`#announcement-progress-${id}[data-told="500"]`);
  expect(await row.getByRole("button", { name: /^Take it back/ }).isVisible()).toBe(true);
  expect(await page.evaluate(`document.querySelector("#announcement-actions-${id}").isStillThere`)).toBe(true);
  await row.getByRole("button", { name: /^Stop/ }).press("Enter");
  await page.waitForSelector(`#announcement-progress-${id}[data-state="stopped"]`);
  expect(await page.locator(":focus").textContent()).toMatch(/^Stopped: 500 of/);
  await row.getByRole("button", { name: /^Resume/ }).click();
  await page.waitForSelector(`#announcement-progress-${id}[data-state="sending"]`);
  await runBatches(site.world);
  await page.waitForSelector(`#announcement-progress-${id}[data-state="sent"]`);
  expect(await progress.textContent()).toMatch(/^Sent to 1,\d+$/);
  expect(await row.getByRole("button", { name: /^Stop/ }).count()).toBe(0);
  expect(problems).toEqual([]);
});
