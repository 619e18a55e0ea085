import { once } from "node:events";
import { connect, Socket } from "node:net";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { findEvent, type LoggedEvent } from "../../src/events/log.ts";
import { writeNews } from "../../src/notifications/messages.ts";
import type { Connection } from "../../src/stream/connection.ts";
import { publishedListing } from "../cast.ts";
import { until } from "../processes.ts";
import { serve, type TestServer } from "../server.ts";
import { named } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

let world: World;
let server: TestServer;
let cookie: string;

beforeAll(async () => {
  world = await createWorld({ env: { STREAM_MAX_PER_USER: "3" } });
  server = await serve(world);
  cookie = await server.signIn(world.cast.bea);
});
afterAll(async () => {
  await server.close();
  await world.close();
});

/** Of a listing that is published here and now. */
async function anEvent(): Promise<LoggedEvent> {
  await publishedListing(world.db, world.cast.sol);
  const { id } = await world.db.selectFrom("events").select("id").orderBy("id", "desc").executeTakeFirstOrThrow();
  return (await findEvent(world.db, id)) as LoggedEvent;
}

/** A stream as bytes, and what has come of it so far. */
async function rawStream(): Promise<{ socket: Socket; text(): string }> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  await once(socket, "connect");
  socket.write(`GET /stream HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`);
  let text = "";
  socket.setEncoding("utf8").on("data", (more: string) => {
    text += more;
  });
  return { socket, text: () => text };
}

test("one stream more than a person may have ends the oldest, which is told when it may come back", async () => {
  const clients = [];
  for (let n = 0; n < 4; n += 1) clients.push(await server.stream(cookie));
  const bye = await clients[0]?.next(named("bye"));
  expect(JSON.parse(bye?.data ?? "{}")).toEqual({ reconnect: 60_000 });
  await clients[0]?.ended;
  expect(server.hub.streams.size).toBe(3);
  for (const client of clients) client.close();
  await until(() => server.hub.streams.size === 0);
});

test("the stream's bytes are not chunked, not cached, not buffered and not compressed", async () => {
  const { socket, text } = await rawStream();
  await until(() => text().includes("event:hello"));
  const [head = "", body = ""] = text().split("\r\n\r\n", 2);
  expect(head).toMatch(/^HTTP\/1.1 200/);
  expect(head).not.toMatch(/transfer-encoding|content-length|content-encoding/i);
  expect(head).toMatch(/cache-control: private, no-cache, no-store, no-transform/i);
  expect(head).toMatch(/x-accel-buffering: no/i);
  expect(body).toMatch(/^retry:\d+\n/);
  socket.destroy();
  await until(() => server.hub.streams.size === 0);
});

test("of what is told in one turn the first goes out at once, and the rest at its end, to each as one", async () => {
  const sockets = [await rawStream(), await rawStream()];
  await until(() => sockets.every(({ text }) => text().includes("event:heartbeat")));
  const [one, two] = [...server.hub.streams].map(({ connection }) => connection);
  const writing = vi.spyOn(Socket.prototype, "write");
  const written = () => writing.mock.calls.map(([bytes]) => String(bytes));
  one?.send("toast", "first;");
  expect(written()).toEqual(["first;"]);
  one?.send("toast", "second;");
  two?.send("toast", "third;");
  two?.send("toast", "fourth;");
  expect(written()).toEqual(["first;"]);
  await new Promise(setImmediate);
  expect(written()).toEqual(["first;", "second;", "third;fourth;"]);
  writing.mockRestore();
  await until(() => sockets[0]?.text().includes("first;second;") === true);
  for (const { socket } of sockets) socket.destroy();
  await until(() => server.hub.streams.size === 0);
});

test("whoever is told a thousand things in one turn gets them in their order, in pieces of some kilobytes", async () => {
  const { socket, text } = await rawStream();
  await until(() => text().includes("event:heartbeat"));
  const [connection] = [...server.hub.streams].map((stream) => stream.connection);
  const writing = vi.spyOn(Socket.prototype, "write");
  const things = Array.from({ length: 1000 }, (_, n) => `${n}${"x".repeat(500)};`);
  for (const thing of things) connection?.send("toast", thing);
  await new Promise(setImmediate);
  const lengths = writing.mock.calls.map(([bytes]) => (bytes as Buffer).length);
  writing.mockRestore();
  expect(lengths.length).toBeLessThan(40);
  expect(Math.max(...lengths)).toBeLessThan(17_000);
  await until(() => text().includes(things.join("")));
  socket.destroy();
  await until(() => server.hub.streams.size === 0);
});

test("what waits for a reader who does not read is counted in bytes, in whatever script it is written", async () => {
  const { socket, text } = await rawStream();
  await until(() => text().includes("event:heartbeat"));
  socket.pause();
  const [connection] = [...server.hub.streams].map((stream) => stream.connection);
  let waited = 0;
  while (connection && !connection.ended) {
    if (connection.waiting > 0) waited += 1;
    connection.send("toast", "鋼".repeat(20_000));
    await new Promise(setImmediate);
  }
  expect(connection?.ended).toBe("slow");
  expect(waited).toBeGreaterThan(10);
  expect(waited).toBeLessThanOrEqual(1_000_000 / 60_000 + 2);
  socket.destroy();
  await until(() => server.hub.streams.size === 0);
});

test("whoever is cut while a person's streams are told takes none of the others' turn", async () => {
  const clients = [await server.stream(cookie), await server.stream(cookie), await server.stream(cookie)];
  for (const client of clients) await client.next(named("heartbeat"));
  const [first, ...others] = [...server.hub.streams].map(({ connection }) => connection);
  vi.spyOn(first as Connection, "send").mockImplementation(() => first?.cut("slow"));
  const told = others.map((connection) => vi.spyOn(connection, "send"));
  const at = { userId: world.cast.bea.id, seq: 1, unseen: 1, revision: 1 };
  const event = { ...(await anEvent()), id: 77 };
  const messages = writeNews(event, [{ ...at, eventId: 77, reason: "watching" }]);
  await world.bus.publish(messages.map((body) => ({ channel: "events", body })));
  await new Promise(setImmediate);
  expect(told.map(({ mock }) => mock.calls.map(([name]) => name))).toEqual([["toast"], ["toast"]]);
  vi.restoreAllMocks();
  for (const client of clients) client.close();
  await until(() => server.hub.streams.size === 0);
});

test("a further request on a stream's connection is not answered into the stream: it ends it", async () => {
  const { socket, text } = await rawStream();
  await until(() => text().includes("event:heartbeat"));
  const ended = once(socket, "close");
  socket.write("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
  await ended;
  expect(text().match(/HTTP\/1\.1/g)).toHaveLength(1);
  await until(() => server.hub.streams.size === 0);
});

test("a stream that is ended while it is being opened gets its head, what it is told, and no hello", async () => {
  const holder = await world.pool.connect();
  await holder.query("begin");
  await holder.query("lock table inboxes in access exclusive mode");
  const { socket, text } = await rawStream();
  await until(() => server.hub.streams.size === 1);
  for (const stream of server.hub.streams) server.hub.end(stream, "deploy", undefined, 700);
  await once(socket, "close");
  await holder.query("rollback");
  holder.release();
  const [head, body] = text().split("\r\n\r\n", 2);
  expect(head).toMatch(/^HTTP\/1.1 200 OK\r\n/);
  expect(head).toContain("text/event-stream");
  expect(body).toBe('event:bye\ndata: {"reconnect":700}\n\n');
  expect(server.hub.streams.size).toBe(0);
});

test("HEAD gets the head of a stream, and opens none", async () => {
  const answer = await fetch(`${server.url}/stream`, { method: "HEAD", headers: { Cookie: cookie } });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("Content-Type")).toMatch(/^text\/event-stream/);
  expect(server.hub.streams.size).toBe(0);
});

test("a process that ends says bye to each stream with a delay of its own, and takes no new ones", async () => {
  const clients = [];
  for (let n = 0; n < 3; n += 1) clients.push(await server.stream(cookie));
  await server.hub.close(0);
  const delays = new Set<number>();
  for (const client of clients) {
    delays.add(JSON.parse((await client.next(named("bye"))).data).reconnect);
    await client.ended;
  }
  for (const delay of delays) expect(delay).toBeGreaterThanOrEqual(500);
  const answer = await fetch(`${server.url}/stream`, { headers: { Cookie: cookie } });
  expect(answer.status).toBe(503);
  expect(Number(answer.headers.get("Retry-After"))).toBeGreaterThan(0);
});
