import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import type { Bus } from "../../src/bus.ts";
import { recallBatch, sendBatch } from "../../src/notifications/broadcast.ts";
import { readHead } from "../../src/notifications/heads.ts";
import { markRead, markSeen } from "../../src/notifications/marks.ts";
import { createSite, get, OWN, post, type Site, signIn } from "../accounts/site.ts";
import { createCrowd, createPerson } from "../cast.ts";
import { atBrowser, live } from "../journey/people.ts";
import { until } from "../processes.ts";
import { serve, type TestServer } from "../server.ts";
import { named, type ReceivedEvent, type SseClient } from "../sse.ts";
import { announced, audited, holders, rowOf, runBatches, WORDS, wrongInboxes } from "./announcing.ts";

const PAGE = "/oversight/announcements";
const HEADLINE = `Stockbell announces: ${WORDS.title}`;

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

const recall = (id: number, headers: Record<string, string> = OWN) =>
  post(site.app, `${PAGE}/${id}/recall`, {}, ada, headers);
const isGone =
  (seq: number) =>
  ({ event, data }: ReceivedEvent) =>
    event === "inbox" && data.includes(`data-gone="${seq}"`);

/** A seller who has been told of two announcements. */
async function toldTwice(): Promise<{ person: Viewer; cookie: string; first: number; second: number }> {
  const { db, cast } = site.world;
  const person = await createPerson(db, { role: "seller" });
  const first = await announced(db, cast.ada, { to: "seller", title: "The one before" });
  await runBatches(site.world);
  const second = await announced(db, cast.ada, { to: "seller" });
  await runBatches(site.world);
  return { person, cookie: await server.signIn(person), first, second };
}

/** What somebody's inbox shows of it, in every way in which it is shown. */
async function shown(cookie: string): Promise<Record<string, boolean>> {
  const page = async (query: string) => (await get(site.app, `/notifications${query}`, cookie)).text.includes(HEADLINE);
  const answer = await fetch(`${server.url}/stream/fallback?after=0`, { headers: { Cookie: cookie } });
  const stream = await server.stream(cookie, "?lastEventId=0");
  await stream.next(named("heartbeat"));
  const replayed = stream.events.some(({ data }) => data.includes(HEADLINE));
  stream.close();
  return {
    inbox: await page(""),
    unread: await page("?show=unread"),
    kind: await page("?kind=announcement"),
    groups: await page("?by=listing"),
    polled: (await answer.text()).includes(HEADLINE),
    replayed,
  };
}

test("who has not seen it has it no longer, anywhere, and one less to read; who has seen or read it keeps it", async () => {
  const { db, cast } = site.world;
  const { person, cookie, second } = await toldTwice();
  const before = await readHead(db, person.id);
  const [sol, rita] = [await readHead(db, cast.sol.id), await readHead(db, cast.rita.id)];
  await markSeen(db, cast.sol.id, sol.lastSeq);
  await markRead(db, cast.rita.id, rita.lastSeq, true);
  expect(Object.values(await shown(cookie))).toEqual(Array(6).fill(true));

  expect((await recall(second)).headers.location).toBe(`${PAGE}#announced`);
  await runBatches(site.world);
  expect(Object.values(await shown(cookie))).toEqual(Array(6).fill(false));
  const after = await readHead(db, person.id);
  expect(after).toMatchObject({ unseen: before.unseen - 1, unread: before.unread - 1, lastSeq: before.lastSeq });
  expect((await get(site.app, "/notifications", cookie)).text).toContain(`data-count="${after.unseen}"`);

  for (const keeper of [cast.sol, cast.rita]) {
    const keepers = await server.signIn(keeper);
    expect(await shown(keepers)).toMatchObject({ inbox: true, polled: true });
  }
  expect((await readHead(db, cast.sol.id)).unread).toBe(sol.unread);
  expect(await holders(db, second)).toEqual([cast.sol.id, cast.rita.id]);
  const { told } = await rowOf(db, second);
  const { text } = await get(site.app, PAGE, ada);
  expect(text).toContain(`Taken back from ${told - 2}; 2 had seen it and keep it`);
  expect(await wrongInboxes(db)).toEqual([]);

  // The next one has the next number: what was taken back leaves no hole.
  await announced(db, cast.ada, { to: "seller", title: "The one after" });
  await runBatches(site.world);
  expect((await readHead(db, person.id)).lastSeq).toBe(before.lastSeq + 1);
  expect(await wrongInboxes(db)).toEqual([]);
});

test("taken back twice it is taken back once, and stands in the audit log once; what is taken back cannot go on", async () => {
  const { db, cast } = site.world;
  const { second } = await toldTwice();
  const answers = [await recall(second), await recall(second), await recall(second, { ...OWN, "HX-Request": "true" })];
  expect(answers.map(({ status }) => status)).toEqual([303, 303, 200]);
  await runBatches(site.world);
  const once = await rowOf(db, second);
  expect(once.state).toBe("recalled");
  expect((await recall(second)).status).toBe(303);
  await recallBatch(site.world, { announcementId: second, after: 0 });
  await runBatches(site.world);
  expect(await rowOf(db, second)).toEqual(once);
  expect(await audited(db, second)).toEqual([["announcement_recalled", cast.ada.id]]);
  for (const name of ["stop", "resume"]) {
    expect((await post(site.app, `${PAGE}/${second}/${name}`, {}, ada)).status).toBe(409);
  }
});

test("open streams of those who lose it are told so, with the count; those of others are not", async () => {
  const { db, cast } = site.world;
  const { person, cookie, second } = await toldTwice();
  await markSeen(db, cast.sol.id, (await readHead(db, cast.sol.id)).lastSeq);
  const [theirs, sols] = [await server.stream(cookie), await server.stream(await server.signIn(cast.sol))];
  const { lastSeq, unseen } = await readHead(db, person.id);
  await recall(second);
  await runBatches(site.world);
  const { data } = await theirs.next(isGone(lastSeq), 2000);
  expect(data).toContain(`data-count="${unseen - 1}"`);
  expect(data).toContain(`id="notification-${lastSeq}" hx-swap-oob="delete"`);
  // A later one comes behind whatever the recall has brought.
  await announced(db, cast.ada, { to: "seller" });
  await runBatches(site.world);
  await sols.next(named("toast"));
  expect(sols.events.filter(({ data }) => data.includes("data-gone"))).toEqual([]);
});

test("taken back before it could come to a stream, it never does: the stream goes on behind its number at once", async () => {
  const { db, cast } = site.world;
  const person = await createPerson(db, { role: "seller" });
  const stream: SseClient = await server.stream(await server.signIn(person));
  const id = await announced(db, cast.ada, { to: "seller" });
  const silent: Bus = { ...site.world.bus, up: true, publish: async () => {} };
  await sendBatch({ ...site.world, bus: silent }, { announcementId: id, after: 0 });
  await recall(id);
  await runBatches(site.world);
  const standing = await stream.next(({ event, id: number }) => event === "inbox" && number === "1", 2000);
  expect(standing.data).toContain('data-count="0"');
  // Its bell rings late.
  await sendBatch(site.world, { announcementId: id, after: 0 }, 2);
  await announced(db, cast.ada, { to: "seller", title: "Another" });
  await runBatches(site.world);
  await stream.next(named("toast"));
  expect(stream.events.filter(({ event }) => event === "toast").map(({ id: number }) => number)).toEqual(["2"]);
});

test("who comes back to a cursor before what was taken back is brought to its end: no page waits for a number that is no more", async () => {
  const { person, cookie, second } = await toldTwice();
  await recall(second);
  await runBatches(site.world);
  const { lastSeq } = await readHead(site.db, person.id);
  const stream = await server.stream(cookie, `?lastEventId=${lastSeq - 1}`);
  await stream.next(named("heartbeat"));
  expect(stream.events.map(({ id }) => id)).toContain(String(lastSeq));
  expect(stream.events.filter(named("toast"))).toEqual([]);
});

test("who had no stream meanwhile is told with the next one, or by the next poll", async () => {
  const { person, cookie, second } = await toldTwice();
  const since = new Date().toISOString();
  const { lastSeq } = await readHead(site.db, person.id);
  await recall(second);
  await runBatches(site.world);
  const query = new URLSearchParams({ lastEventId: String(lastSeq), since });
  const stream = await server.stream(cookie, `?${query}`);
  await stream.next(isGone(lastSeq), 2000);
  const poll = await fetch(`${server.url}/stream/fallback?after=${lastSeq}&since=${since}`, {
    headers: { Cookie: cookie },
  });
  expect(await poll.text()).toContain(`data-gone="${lastSeq}"`);
  const others = await createPerson(site.db, { role: "seller" });
  const untold = await server.stream(await server.signIn(others), `?${query}`);
  await untold.next(named("heartbeat"));
  expect(untold.events.filter(({ data }) => data.includes("data-gone"))).toEqual([]);
});

test("a bell that is lost costs seconds: the sweep takes it off the screens", async () => {
  const { person, cookie, second } = await toldTwice();
  const stream = await server.stream(cookie);
  const { lastSeq } = await readHead(site.db, person.id);
  await recall(second);
  const silent: Bus = { ...site.world.bus, up: true, publish: async () => {} };
  await recallBatch({ ...site.world, bus: silent }, { announcementId: second, after: 0 });
  await stream.next(isGone(lastSeq), 12_000);
});

test("killed between its commit and the bell it is told when its job runs again", async () => {
  const { person, cookie, second } = await toldTwice();
  const stream = await server.stream(cookie);
  const { lastSeq } = await readHead(site.db, person.id);
  await recall(second);
  const silent: Bus = { ...site.world.bus, up: true, publish: () => Promise.reject(new Error("killed")) };
  await recallBatch({ ...site.world, bus: silent }, { announcementId: second, after: 0 });
  const taken = await rowOf(site.db, second);
  await recallBatch(site.world, { announcementId: second, after: 0 }, 2);
  await stream.next(isGone(lastSeq), 1000);
  expect(await rowOf(site.db, second)).toEqual(taken);
});

test("it ends the sending as well, in batches: nobody behind the last one is told, whoever marks meanwhile", async () => {
  const { db, cast } = site.world;
  const crowd = await createCrowd(db, 1100);
  const id = await announced(db, cast.ada);
  await sendBatch(site.world, { announcementId: id, after: 0 });
  await sendBatch(site.world, { announcementId: id, after: (await rowOf(db, id)).sent_up_to });
  const told = await holders(db, id);
  expect(told).toHaveLength(1000);
  await recall(id);
  // While it is taken back, some see it and some read it: each keeps it, or had it taken back before.
  const meanwhile = crowd.slice(0, 60).map(async ({ id: user }, n) => {
    if (n % 2 === 0) return markSeen(db, user, 1);
    await markRead(db, user, 1, true).catch(() => {});
  });
  await Promise.all([...meanwhile, recallBatch(site.world, { announcementId: id, after: 0 })]);
  await runBatches(site.world);
  const row = await rowOf(db, id);
  expect(row).toMatchObject({ state: "recalled", told: told.length });
  expect(await holders(db, id)).toHaveLength(row.told - row.taken_back);
  expect(row.taken_back).toBeGreaterThan(0);
  const { rows } = await sql<{ count: number }>`
    select count(*) from notifications where event_id = ${row.event_id}`.execute(db);
  expect(rows[0]?.count).toBe(told.length);
  expect(await wrongInboxes(db)).toEqual([]);
});

test("in a browser its toast and its row go, and the badge goes down by one in every tab", async () => {
  const { db, cast } = site.world;
  const person = await createPerson(db, { role: "seller" });
  const { page, context, problems } = await atBrowser(server.url, person);
  await page.goto("/notifications/preferences");
  await live(page);
  await announced(db, cast.ada, { to: "seller", title: "One that stays" });
  await runBatches(site.world);
  const id = await announced(db, cast.ada, { to: "seller" });
  await runBatches(site.world);
  const toast = page.locator(`#toasts > [data-notification="2"]`);
  await toast.waitFor();
  expect(await toast.textContent()).toContain(HEADLINE);
  // The list in another tab, filtered, so that looking at it says nothing of having seen it.
  const list = await context.newPage();
  await list.goto("/notifications?kind=announcement");
  await live(list);
  expect(await list.locator("#notification-2").count()).toBe(1);
  await recall(id);
  await runBatches(site.world);
  await toast.waitFor({ state: "detached" });
  await list.locator("#notification-2").waitFor({ state: "detached" });
  for (const tab of [page, list]) {
    expect(await tab.getAttribute("#badge", "data-count")).toBe("1");
    expect(await tab.locator("#notification-1, #toasts > [data-notification='1']").count()).toBe(1);
  }
  await until(async () => (await list.title()).startsWith("(1) "));
  expect(problems).toEqual([]);
});
