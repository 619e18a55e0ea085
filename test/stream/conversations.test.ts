import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import type { Bus } from "../../src/bus.ts";
import { enquire, reply } from "../../src/marketplace/enquiries.ts";
import { markThreadSeen } from "../../src/marketplace/seen.ts";
import { deliverEvent } from "../../src/notifications/deliver.ts";
import { readPersonal, writeSeen } from "../../src/notifications/messages.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { until } from "../processes.ts";
import { serve, type TestServer } from "../server.ts";
import { named, type ReceivedEvent, type SseClient } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

let world: World;
let server: TestServer;
let cookies: Map<number, string>;
let thread: number;

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
  const people = Object.values(world.cast);
  cookies = new Map(await Promise.all(people.map(async (one) => [one.id, await server.signIn(one)] as const)));
});
afterAll(async () => {
  await server.close();
  await world.close();
});
beforeEach(async () => {
  const { id } = await publishedListing(world.db, world.cast.sol);
  thread = await enquire(world.db, world.cast.bea, id, "Is it dry?");
  await world.drain();
});
afterEach(async () => {
  server.streams().forEach((stream) => void stream.connection.cut("client"));
  await until(() => server.streams().length === 0);
});

const open = (person: Viewer, query = "") => server.stream(cookies.get(person.id) ?? "", query);
const brings =
  (text: string) =>
  ({ event, data }: ReceivedEvent) =>
    event === "inbox" && data.includes(text);
const anythingOf =
  (id: number) =>
  ({ data }: ReceivedEvent) =>
    new RegExp(`(thread|thread-row|seen)-${id}"|/enquiries/${id}"`).test(data);

async function write(author: Viewer, body: string): Promise<number> {
  const { id } = await reply(world.db, author, thread, body);
  await world.drain();
  return id;
}

test("a message shows at once to both people of its thread, in every tab of theirs, each from their own side", async () => {
  const { bea, sol } = world.cast;
  const tabs = [await open(bea), await open(bea), await open(sol), await open(sol)];
  const id = await write(bea, "<b>Is</b> it\n\nevent: toast\ndata: dry?");
  for (const [index, tab] of tabs.entries()) {
    const told = await tab.next(brings(`id="message-${id}"`));
    expect(told.id).toBeNull();
    expect(told.data).toContain(`<ol hx-swap-oob="beforeend:#thread-${thread}">`);
    expect(told.data).toContain(`data-mine="${index < 2}"`);
    expect(told.data).toContain("&lt;b&gt;Is&lt;/b&gt; it\n\nevent: toast\ndata: dry?");
    expect(told.data).toContain(`id="thread-row-${thread}"`);
    expect(told.data.includes("Waiting since")).toBe(index >= 2);
    expect(tab.events.filter(brings(`id="message-${id}"`))).toHaveLength(1);
  }
  expect(tabs.map(({ events }) => events.filter(named("toast")).length)).toEqual([0, 0, 1, 1]);
});

test("nobody else is sent a byte of it: another buyer, another seller, an admin who may read it", async () => {
  const { bea, sol, otto, rita, ada } = world.cast;
  const outsiders = [await open(otto), await open(rita), await open(ada)];
  const inside = await open(sol);
  const words = "Between us two";
  const id = await write(bea, words);
  await inside.next(brings(words));
  await markThreadSeen(world.db, sol, thread, id);
  await world.drain();
  // What comes to them by the same way shows that they listen, and that nothing was on its way any more.
  const marker = await publishedListing(world.db, rita);
  const theirs = await enquire(world.db, otto, marker.id, "Another thread");
  await world.drain();
  for (const [index, client] of outsiders.entries()) {
    if (index < 2) await client.next(brings(`id="thread-row-${theirs}"`));
    else await client.next(({ event, data }) => event === "oversight" && data.includes(marker.title));
    // The admins' log is told that something happened, as before, and nothing of the thread itself.
    const shown = client.events.filter(({ event }) => event !== "oversight");
    expect(shown.filter(({ data }) => data.includes(words) || data.includes(`#thread-${thread}"`))).toEqual([]);
    if (index < 2) expect(client.events.filter(anythingOf(thread))).toEqual([]);
  }
  expect(outsiders[2]?.events.filter(named("inbox")).filter(anythingOf(theirs))).toEqual([]);
  expect(inside.events.filter(anythingOf(theirs))).toEqual([]);
});

test("that a message was seen shows to its author, with the time, and to nobody else", async () => {
  const { bea, sol, otto } = world.cast;
  const id = await write(bea, "Have you seen this?");
  const [author, reader, other] = [await open(bea), await open(sol), await open(otto)];
  await markThreadSeen(world.db, sol, thread, id);
  await world.drain();
  const told = await author.next(brings(`id="seen-${thread}"`));
  expect(told.data).toMatch(new RegExp(`data-order="${id}" hx-swap-oob="true">.*Seen <time datetime=`));
  await write(sol, "I have.");
  await reader.next(brings("I have."));
  expect(reader.events.filter(brings(`data-order="${id}" hx-swap-oob="true">`))).toEqual([]);
  expect(other.events.filter(brings("seen-"))).toEqual([]);
});

test("what was said and seen while a page had no stream is there when one opens, and in the answer to a question", async () => {
  const { bea, sol, otto, ada } = world.cast;
  const since = new Date().toISOString();
  const ids = [await write(bea, "First"), await write(bea, "Second")];
  await markThreadSeen(world.db, bea, thread, ids[1] ?? 0);
  const late = await open(sol, `?lastEventId=0&since=${since}`);
  const told = await late.next(brings(`id="message-${ids[1]}"`));
  const order = [...told.data.matchAll(/id="message-(\d+)"/g)].map((match) => Number(match[1]));
  expect(order.filter((id) => ids.includes(id))).toEqual(ids);
  expect(await poll(sol, since)).toContain(told.data.trim());
  for (const outsider of [otto, ada]) expect(await poll(outsider, since)).not.toContain(`#thread-${thread}"`);
});

test("of a conversation that went on and on meanwhile a page is told to read itself again, by stream and by polling", async () => {
  const { bea, sol } = world.cast;
  const since = new Date().toISOString();
  for (let n = 0; n < 51; n += 1) await reply(world.db, n % 2 ? bea : sol, thread, `Line ${n}`);
  const stream = await open(sol, `?lastEventId=0&since=${since}`);
  const told = await stream.next(brings("reread"));
  expect(told.data.trim()).toBe('<span id="reread" hidden hx-swap-oob="true"></span>');
  const polled = await poll(sol, since);
  expect(polled).toContain(told.data.trim());
  expect(polled).not.toContain("message-");
});

test("a bell that does not ring, and one that rings twice, lose nothing: the sweep finds what was said and what was seen", async () => {
  const { db, cast, bus, log } = world;
  const [bea, sol] = [await open(cast.bea), await open(cast.sol)];
  const silent: Bus = { ...bus, publish: async () => {} };
  const { id } = await reply(db, cast.bea, thread, "Without a bell");
  await deliverEvent({ db, bus: silent, log }, await lastEvent());
  await sol.next(brings(`id="message-${id}"`), 8000);
  await db
    .updateTable("enquiries")
    .set({ seller_seen_id: id, seller_seen_at: new Date(), moved_at: new Date() })
    .where("id", "=", thread)
    .execute();
  await bea.next(brings(`data-order="${id}" hx-swap-oob="true">`), 8000);
  const again = await write(cast.sol, "Rung twice");
  await deliverEvent(world, await lastEvent(), 2);
  await until(() => count(bea, again) === 2);
  expect(count(sol, again)).toBe(2);
});

test("where many come back at once, each is told of their own threads and of nobody else's", async () => {
  const { db, cast } = world;
  const since = new Date();
  const buyers = await Promise.all(Array.from({ length: 6 }, () => createPerson(db, { role: "buyer" })));
  const listing = await publishedListing(db, cast.rita);
  const threads = [];
  for (const buyer of buyers) threads.push(await enquire(db, buyer, listing.id, `From ${buyer.name}`));
  const talks = server.hub.talks;
  const told = await Promise.all(
    [...buyers, cast.rita].map(({ id, role }) => talks.missedFragment({ userId: id, role }, "en-GB", since)),
  );
  const ritas = told.pop() ?? "";
  for (const [index, html] of told.entries()) {
    expect([...html.matchAll(/id="thread-row-(\d+)"/g)].map((match) => Number(match[1]))).toEqual([threads[index]]);
    expect(ritas).toContain(`From ${buyers[index]?.name}`);
  }
});

test("while one release follows another, each takes what the other says on a person's channel for what it is, or for nothing", () => {
  const seen = { enquiryId: 7, messageId: 3, at: new Date() };
  expect(readPersonal(writeSeen(seen))).toMatchObject({ about: "seen", ...seen });
  // The release before knows marks alone: a revision that is older than any, and no number that is new.
  expect(JSON.parse(writeSeen(seen))).toMatchObject({ revision: -1, lastSeq: 0, seqs: [] });
  const marks = { unseen: 1, revision: 2, lastSeq: 3, seqs: [3] };
  expect(readPersonal(JSON.stringify(marks))).toEqual({ about: "marks", ...marks });
});

async function poll(person: Viewer, since: string): Promise<string> {
  const answer = await fetch(`${server.url}/stream/fallback?since=${since}`, {
    headers: { Cookie: cookies.get(person.id) ?? "" },
  });
  return answer.text();
}

async function lastEvent(): Promise<number> {
  const query = world.db.selectFrom("events").select("id").orderBy("id", "desc").limit(1);
  return (await query.executeTakeFirstOrThrow()).id;
}

function count(client: SseClient, messageId: number): number {
  return client.events.filter(brings(`id="message-${messageId}"`)).length;
}
