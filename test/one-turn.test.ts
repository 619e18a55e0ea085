import { Redis } from "ioredis";
import { pino } from "pino";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type Bus, createBus } from "../src/bus.ts";
import { bundled, inOneTurn } from "../src/one-turn.ts";
import { until } from "./processes.ts";
import { startRedis, type TestRedis } from "./redis.ts";

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

/** A process's bus that is connected, and what it has heard on the channels that it listens to. */
async function listener(...channels: string[]): Promise<{ bus: Bus; heard: string[] }> {
  const bus = createBus({ redisUrl: redis.url, redisCa: undefined, unverifiedTls: [] }, pino({ level: "silent" }));
  onTestFinished(() => bus.close());
  const heard: string[] = [];
  bus.onMessage((channel, bodies) => void heard.push(...bodies.map((body) => `${channel} ${body}`)));
  await until(() => bus.up);
  for (const channel of channels) await bus.subscribe(channel);
  return { bus, heard };
}

/** The messages by which Redis carries what concerns all. */
async function carried(): Promise<string[]> {
  const client = new Redis(redis.url);
  onTestFinished(() => client.disconnect());
  const messages: string[] = [];
  client.on("message", (channel, body) => void messages.push(`${channel} ${body}`));
  await client.subscribe("stockbell:events", "stockbell:events:several");
  return messages;
}

const events = (...bodies: string[]) => bodies.map((body) => ({ channel: "events", body }));

test("what happens at the same moment is one message to Redis, and each of it reaches all web processes in its order", async () => {
  const [one, two, other] = await Promise.all([listener("events"), listener("events"), listener("user:7")]);
  const messages = await carried();
  await Promise.all([one.bus.publish(events("a", "b")), one.bus.publish(events("c"))]);
  await until(() => one.heard.length === 3 && two.heard.length === 3 && messages.length > 0);
  expect([one.heard, two.heard]).toEqual(Array(2).fill(["events a", "events b", "events c"]));
  expect(messages).toEqual(["stockbell:events:several a\nb\nc"]);
  expect(other.heard).toEqual([]);
});

test("one by itself goes as it always did, for processes of the release before", async () => {
  const { bus, heard } = await listener("events");
  const messages = await carried();
  await bus.publish(events("a"));
  await bus.publish(events("b"));
  await until(() => heard.length === 2 && messages.length === 2);
  expect(messages).toEqual(["stockbell:events a", "stockbell:events b"]);
});

test("what concerns one person alone goes by itself, to nobody else", async () => {
  const [seven, eight] = await Promise.all([listener("user:7"), listener("user:8", "control")]);
  await seven.bus.publish([{ channel: "user:7", body: "x" }, ...events("a", "b"), { channel: "user:7", body: "y" }]);
  await until(() => seven.heard.length === 2);
  await seven.bus.publish([{ channel: "control", body: "z" }]);
  await until(() => eight.heard.length > 0);
  expect([seven.heard, eight.heard]).toEqual([["user:7 x", "user:7 y"], ["control z"]]);
});

test("whoever listens is as a rule told before whoever says it is answered", async () => {
  const { bus, heard } = await listener("events", "user:7");
  let before = 0;
  for (let said = 1; said <= 100; said += 1) {
    await bus.publish([{ channel: said % 2 ? "events" : "user:7", body: "a" }]);
    if (heard.length === said) before += 1;
    await until(() => heard.length === said);
  }
  expect(before).toBeGreaterThan(80);
});

test("a bundle ends before it becomes too long", () => {
  const long = "x".repeat(100_000);
  const lengths = bundled(events(long, long, long, "y")).map(({ channel, body }) => [channel, body.length]);
  expect(lengths).toEqual([
    ["events:several", 200_001],
    ["events:several", 100_002],
  ]);
});

test("whoever gave something learns that it could not be handed over, and what is given later can be", async () => {
  const handed: string[] = [];
  let broken = true;
  const give = inOneTurn(async (all) => {
    if (broken) throw new Error("away");
    handed.push(...all.map(({ body }) => body));
  });
  const results = await Promise.allSettled([give(events("a")), give(events("b"))]);
  expect(results.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  broken = false;
  await give(events("c"));
  expect(handed).toEqual(["c"]);
});
