import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as pause, setImmediate as turn } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { frame } from "../../src/stream/frames.ts";
import type { Stream } from "../../src/stream/stream.ts";
import { serve, type TestServer } from "../server.ts";
import { named } from "../sse.ts";
import { createWorld, type World } from "../world.ts";
import { createTelling } from "./crowd.ts";
import { FULL, report } from "./sizes.ts";

const MOST_MS = 30_000;

let world: World;
let server: TestServer;
let cookie: string;

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
  cookie = await server.signIn(world.cast.bea);
});
afterAll(async () => {
  await server.close();
  await world.close();
});
// In the short form it is only the clock that is moved: the bytes wait in real sockets.
beforeEach(() => {
  if (!FULL) vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "Date"] });
});
afterEach(() => void vi.useRealTimers());

async function pass(ms: number): Promise<void> {
  if (FULL) return pause(ms);
  lookAtAll();
  vi.advanceTimersByTime(ms);
  lookAtAll();
}

/** As the heart does every second: of the clock's jump it would know nothing. */
function lookAtAll(): void {
  for (const { connection } of server.hub.streams) connection.look(Date.now());
}

/** A reader that has read its opening and reads no more, and its stream, in which more waits than the kernel takes. */
async function frozenReader(): Promise<{ socket: Socket; stream: Stream }> {
  const known = new Set(server.hub.streams);
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  socket.write(`GET /stream HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`);
  await once(socket, "data");
  const [stream] = server.hub.streams.difference(known);
  if (!stream) throw new Error("no stream was opened");
  socket.pause();
  await fill(stream);
  return { socket, stream };
}

/** Writes until something waits for good: for a while after the last byte the kernel still takes more. */
async function fill({ connection }: Stream): Promise<void> {
  const bytes = frame("market", "x".repeat(16_384));
  for (let last = performance.now(); performance.now() - last < 300; await turn()) {
    if (connection.waiting >= 300_000) continue;
    connection.send("market", bytes);
    last = performance.now();
  }
}

/** Whether something comes about by itself, without the passing of time. */
async function soon(condition: () => boolean): Promise<void> {
  for (const end = performance.now() + 5000; performance.now() < end && !condition(); ) await turn();
  expect(condition()).toBe(true);
}

function tcpSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
}

test("R-11: a reader that takes nothing for 30 s is cut, even if nothing more is written; one that takes a little now and then is not", async () => {
  const { socket: slow, stream: slowly } = await frozenReader();
  const { socket: gone, stream } = await frozenReader();
  const began = Date.now();
  const sent = stream.connection.sent;
  for (let n = 0; n < 2; n += 1) {
    await pass(MOST_MS / 2 - 1000);
    await fill(slowly);
    const { waiting } = slowly.connection;
    slow.resume();
    await soon(() => slowly.connection.waiting < waiting);
    slow.pause();
    await fill(slowly);
    if (n === 0) expect(stream.connection.ended).toBe(null);
  }
  await pass(2000);
  await soon(() => stream.connection.ended === "stalled");
  expect(server.hub.streams.has(stream)).toBe(false);
  if (!FULL) expect(stream.connection.sent).toBe(sent);
  expect(slowly.connection.ended).toBe(null);
  report("R-11", { "s until a reader that took nothing was cut: at most": FULL ? (Date.now() - began) / 1000 : 30 });
  for (const socket of [slow, gone]) socket.destroy();
  await soon(() => server.hub.streams.size === 0);
});

test("R-11: a stream that is ended lets go of its connection soon, even if its reader does not read", async () => {
  const { socket, stream } = await frozenReader();
  const before = tcpSockets();
  server.hub.end(stream, "replaced");
  expect(stream.connection.ended).toBe("replaced");
  await turn();
  expect(tcpSockets()).toBe(before);
  await pass(6000);
  await soon(() => tcpSockets() === before - 1);
  socket.destroy();
});

test("R-11: what a stream opens with is not held against its reader, even if it is more than a megabyte; what comes after is", async () => {
  const { tell } = await createTelling(world, 200, "Copper ".repeat(700));
  await tell([world.cast.bea.id], 200);
  const known = new Set(server.hub.streams);
  const client = await server.stream(cookie, "?lastEventId=0");
  const [stream] = server.hub.streams.difference(known);
  if (!stream) throw new Error("no stream was opened");
  await soon(() => stream.connection.waiting === 0 && client.events.some(named("heartbeat")));
  expect(client.seqs()).toHaveLength(200);
  expect(client.events.find(named("toast"))?.data.length).toBeGreaterThan(1_000_000);

  const big = frame("market", "x".repeat(700_000));
  stream.connection.send("market", big);
  expect(stream.connection.ended).toBe(null);
  // The kernel takes several megabytes before anything waits here.
  for (let n = 0; n < 30 && !stream.connection.ended; n += 1) stream.connection.send("market", big);
  expect(stream.connection.ended).toBe("slow");
  client.close();
});
