import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { frame } from "../../src/stream/frames.ts";
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

async function rawStream(): Promise<Socket> {
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  await once(socket, "connect");
  socket.write(`GET /stream HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`);
  return socket;
}

function onlyStream() {
  const [stream] = server.hub.streams;
  if (!stream) throw new Error("no stream is open");
  return stream;
}

test("clients that go away before, while and after their stream is made leave nothing behind", async () => {
  const sockets: Socket[] = [];
  for (let n = 0; n < 150; n += 1) {
    const socket = await rawStream();
    sockets.push(socket);
    if (n % 3 === 0) socket.destroy();
    else if (n % 3 === 1) setImmediate(() => socket.destroy());
    else socket.once("data", () => socket.destroy());
  }
  await until(() => sockets.every((socket) => socket.destroyed) && server.hub.streams.size === 0);
  expect(server.hub.people.size).toBe(0);
});

test("a reader that does not read is cut before more than about a megabyte waits for it; another's stream goes on", async () => {
  const frozen = await rawStream();
  await once(frozen, "data");
  frozen.pause();
  const stream = onlyStream();
  const other = await server.stream(cookie);
  const big = frame("market", "x".repeat(16_384));
  let written = 0;
  for (; !stream.connection.ended && written < 2000; written += 1) {
    stream.connection.send("market", big);
    if (written % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(stream.connection.ended).toBe("slow");
  expect(server.hub.streams.has(stream)).toBe(false);
  await other.next(named("hello"));
  expect(server.hub.streams.size).toBe(1);
  other.close();
  frozen.destroy();
  await until(() => server.hub.streams.size === 0);
});

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
  const socket = await rawStream();
  let text = "";
  socket.setEncoding("utf8").on("data", (more: string) => {
    text += more;
  });
  await until(() => text.includes("event:hello"));
  const [head = "", body = ""] = text.split("\r\n\r\n", 2);
  expect(head).toMatch(/^HTTP\/1.1 200/);
  expect(head).not.toMatch(/transfer-encoding|content-length|content-encoding/i);
  expect(head).toMatch(/cache-control: private, no-cache, no-store, no-transform/i);
  expect(head).toMatch(/x-accel-buffering: no/i);
  expect(body).toMatch(/^retry:\d+\n/);
  socket.destroy();
  await until(() => server.hub.streams.size === 0);
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
