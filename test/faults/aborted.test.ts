import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { Redis } from "ioredis";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { redisUrl } from "../database.ts";
import { type Fleet, startFleet } from "../fleet/fleet.ts";
import type { TestProcess } from "../processes.ts";
import { type Member, openEar, signedInCrowd } from "./crowd.ts";
import { descriptorsOf, figuresOf } from "./process.ts";
import { randomOf, report, SEED, sized } from "./sizes.ts";

const CLIENTS = sized(5000, 250);
const DURING_MS = sized(10_000, 1500);
const MOST_MS = 5000;
const PEOPLE = 200;
const STAYING = 20;
const TOKEN = "a-token-for-the-figures";

let fleet: Fleet;
let web: TestProcess;
let crowd: Member[];
let redis: Redis;
const random = randomOf(SEED);

beforeAll(async () => {
  fleet = await startFleet(1, 0, { METRICS_TOKEN: TOKEN });
  web = fleet.webs[0] as TestProcess;
  redis = new Redis(redisUrl());
  const { db } = fleet.world;
  // Sessions that take five milliseconds to look up: long enough to go away meanwhile.
  await sql`alter table sessions rename to stored_sessions`.execute(db);
  await sql`create view sessions as select * from stored_sessions where pg_sleep(0.005) is not null`.execute(db);
  crowd = await signedInCrowd(fleet.world, PEOPLE);
});
afterAll(async () => {
  redis.disconnect();
  await fleet.close();
});

type Counts = Record<"streams" | "timers" | "subscriptions" | "descriptors", number>;

async function counts(): Promise<Counts> {
  const figures = await figuresOf(web.url ?? "", TOKEN);
  // Others have their subscriptions in the same Redis, under another number.
  const space = new URL(redisUrl()).pathname.replace(/^\/0?$/, "");
  const channels = (await redis.call("PUBSUB", "CHANNELS", `stockbell${space}:user:*`)) as string[];
  const { own, pooled } = descriptorsOf(web.pid, Number(new URL(fleet.world.databaseUrl).port));
  return {
    streams: figures("stockbell_streams"),
    // Each idle connection of the pool has one.
    timers: figures('nodejs_active_resources\\{type="Timeout"\\}') - pooled,
    subscriptions: channels.length,
    descriptors: own,
  };
}

/** Asks for a stream and goes away a moment later, whatever has come by then. */
async function connectAndAbort({ cookie }: Member): Promise<void> {
  await pause(random() * DURING_MS);
  const { promise, resolve } = Promise.withResolvers<void>();
  const socket = connect(Number(new URL(web.url ?? "").port), "127.0.0.1");
  socket.on("error", () => {}).once("close", () => resolve());
  socket.once("connect", async () => {
    socket.write(`GET /stream?lastEventId=0 HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`);
    await pause(random() * 30);
    if (random() < 0.5) socket.resetAndDestroy();
    else socket.destroy();
  });
  return promise;
}

test(`R-12: ${CLIENTS} clients that come and go within ${DURING_MS / 1000} s leave no stream, timer, subscription or descriptor; those who stay keep theirs`, async () => {
  const port = Number(new URL(web.url ?? "").port);
  const staying = crowd.slice(0, STAYING).map(({ cookie }) => openEar(port, cookie, 0));
  await Promise.all(staying.map(({ opened }) => opened));
  const before = await counts();
  expect(before).toMatchObject({ streams: STAYING, subscriptions: STAYING });

  const opened = await opens();
  await Promise.all(Array.from({ length: CLIENTS }, (_, n) => connectAndAbort(crowd[n % PEOPLE] as Member)));
  const gone = Date.now();
  let after = await counts();
  while (JSON.stringify(after) !== JSON.stringify(before) && Date.now() < gone + MOST_MS) after = await counts();
  const took = Date.now() - gone;
  report("R-12", {
    seed: SEED,
    clients: CLIENTS,
    "of whom the stream was reached by": (await opens()) - opened,
    "ms until nothing was left": took,
    ...after,
  });
  expect(after).toEqual(before);
  for (const ear of staying) ear.close();
});

async function opens(): Promise<number> {
  return (await figuresOf(web.url ?? "", TOKEN))("stockbell_stream_ends_total");
}
