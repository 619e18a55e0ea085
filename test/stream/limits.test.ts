import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { createPerson } from "../cast.ts";
import { until } from "../processes.ts";
import { serve, type TestServer } from "../server.ts";
import { named, type SseClient } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

const MOST = 70;
const HOUR = 3_600_000;

let world: World;
let server: TestServer;
let cookies: string[];

beforeAll(async () => {
  world = await createWorld({ env: { STREAM_MAX: String(MOST), STREAM_MAX_PER_USER: "35" } });
  server = await serve(world);
  const otto = await createPerson(world.db, { role: "buyer" });
  cookies = await Promise.all([world.cast.bea, world.cast.sol, otto].map(server.signIn));
});
afterAll(async () => {
  await server.close();
  await world.close();
});
afterEach(async () => {
  vi.useRealTimers();
  for (const stream of server.hub.streams) stream.connection.cut("client");
  await until(() => server.hub.streams.size === 0);
});

async function fill(): Promise<SseClient[]> {
  const opening = Array.from({ length: MOST }, (_, n) => server.stream(cookies[n % 2] ?? ""));
  return Promise.all(opening);
}

function ask(path: string, cookie = cookies[2] ?? ""): Promise<Response> {
  return fetch(server.url + path, { headers: { Cookie: cookie } });
}

test("a process that is full refuses at once and says when to come again; whoever is there stays, and polling goes on", async () => {
  const clients = await fill();
  const refused = await ask("/stream");
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
  // So soon that not even a session has been read.
  expect((await ask("/stream", "none")).status).toBe(503);
  expect((await ask("/stream/fallback?after=0")).status).toBe(204);
  expect(server.hub.streams.size).toBe(MOST);
  expect(clients.flatMap(({ events }) => events.filter(named("bye")))).toEqual([]);

  clients[0]?.close();
  await until(() => server.hub.streams.size < MOST);
  const next = await server.stream(cookies[2] ?? "");
  expect(next.status).toBe(200);
});

test("of those who come at once no more get in than there is room for", async () => {
  const answers = await Promise.all(Array.from({ length: MOST + 20 }, (_, n) => ask("/stream", cookies[n % 3])));
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === 200)).toHaveLength(MOST);
  expect(statuses.filter((status) => status === 503)).toHaveLength(20);
  expect(server.hub.streams.size).toBeLessThanOrEqual(MOST);
  await Promise.all(answers.map(({ body }) => body?.cancel()));
});

test("a stream lives for an hour, give or take a quarter, and is told when to come back: each another time", async () => {
  const clients = await fill();
  const ages = [...server.hub.streams].map(({ endsAt, connection }) => endsAt - connection.openedAt);
  expect(Math.min(...ages)).toBeGreaterThan(0.7 * HOUR);
  expect(Math.max(...ages)).toBeLessThan(1.3 * HOUR);
  expect(Math.max(...ages) - Math.min(...ages)).toBeGreaterThan(0.2 * HOUR);

  const oldest = [...server.hub.streams].toSorted((a, b) => a.endsAt - b.endsAt);
  const halfway = oldest[MOST / 2]?.endsAt ?? 0;
  vi.useFakeTimers({ now: halfway, toFake: ["Date"] });
  await until(() => oldest.filter(({ connection }) => connection.ended === "age").length >= 3, 5000);
  expect(oldest.slice(MOST / 2 + 1).map(({ connection }) => connection.ended)).not.toContain("age");
  const byes = () =>
    clients.flatMap(({ events }) => events.filter(named("bye")).map(({ data }) => JSON.parse(data).reconnect));
  await until(() => byes().length >= 3);
  expect(new Set(byes()).size).toBeGreaterThan(1);
});
