import { once } from "node:events";
import { type ClientRequest, get, type IncomingMessage } from "node:http";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { signedInCrowd } from "../faults/crowd.ts";
import { until } from "../processes.ts";
import { serve, type TestServer } from "../server.ts";
import { createWorld, type World } from "../world.ts";

const MOST_FROM_ADDRESS = 200;

let world: World;
let server: TestServer;
const requests: ClientRequest[] = [];

beforeAll(async () => {
  world = await createWorld({ env: { TRUST_PROXY: "1" } });
  server = await serve(world);
});
afterAll(async () => {
  await server.close();
  await world.close();
});
afterEach(async () => {
  vi.useRealTimers();
  for (const request of requests.splice(0)) request.destroy();
  await until(() => server.streams().length === 0);
});

async function open(cookie: string, address: string): Promise<{ response: IncomingMessage; request: ClientRequest }> {
  const headers = { Cookie: cookie, "X-Forwarded-For": address };
  const request = get(`${server.url}/stream`, { headers, agent: false }).on("error", () => {});
  requests.push(request);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.on("error", () => {}).resume();
  return { response, request };
}

function statuses(answers: { response: IncomingMessage }[]): number[] {
  return answers.map(({ response }) => response.statusCode ?? 0);
}

test("S-15: an address has 200 streams at the most: one more is told to come again, others are let in, and who leaves makes room", async () => {
  const crowd = await signedInCrowd(world, MOST_FROM_ADDRESS + 2);
  const [last = "", next = ""] = crowd.splice(MOST_FROM_ADDRESS).map(({ cookie }) => cookie);
  const inside = await Promise.all(crowd.map(({ cookie }) => open(cookie, "203.0.113.1")));
  expect(new Set(statuses(inside))).toEqual(new Set([200]));
  const { response } = await open(last, "203.0.113.1");
  expect(response.statusCode).toBe(429);
  expect(Number(response.headers["retry-after"])).toBeGreaterThan(0);
  expect((await open(last, "9.9.9.9, 203.0.113.1")).response.statusCode).toBe(429);
  expect((await open(next, "203.0.113.2")).response.statusCode).toBe(200);
  inside[0]?.request.destroy();
  await until(() => server.streams().length === MOST_FROM_ADDRESS);
  expect((await open(last, "203.0.113.1")).response.statusCode).toBe(200);
});

test("S-15: whoever opens streams without end is refused for a while, has 10 at the most, and keeps nobody else out", async () => {
  const [eager = "", calm = ""] = (await signedInCrowd(world, 2)).map(({ cookie }) => cookie);
  vi.useFakeTimers({ toFake: ["Date"] });
  const answers = [];
  for (let n = 0; n < 13; n += 1)
    answers.push(...(await Promise.all(Array.from({ length: 10 }, () => open(eager, "203.0.113.3")))));
  expect(statuses(answers).filter((status) => status === 200)).toHaveLength(100);
  expect(statuses(answers).filter((status) => status === 429)).toHaveLength(30);
  expect(server.streams().length).toBeLessThanOrEqual(10);
  expect((await open(calm, "203.0.113.3")).response.statusCode).toBe(200);
  vi.setSystemTime(Date.now() + 1100);
  expect((await open(eager, "203.0.113.3")).response.statusCode).toBe(200);
});
