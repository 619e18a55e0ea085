import { rmSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { migrationNames } from "../src/migrations.ts";
import { postForm, signIn } from "./cast.ts";
import { redisUrl } from "./database.ts";
import { checkOut, findEarlier } from "./earlier.ts";
import { freePort, startProcess, type TestProcess, until } from "./processes.ts";
import { scratchFolder } from "./scratch.ts";
import { openSse, type SseClient } from "./sse.ts";

const earlier = findEarlier();
if ("unknown" in earlier) console.log(`The previous release is not tried on the new schema: ${earlier.unknown}.`);

const ROOT = path.join(import.meta.dirname, "..");
const people = { bea: "bea@demo.test", otto: "otto@demo.test", sol: "sol@demo.test" };

let folder: string;
let admin: pg.Client;
let database: string;
let env: Record<string, string>;
const clients: SseClient[] = [];

describe.skipIf("unknown" in earlier)(
  "P-09: the previous release, on the schema of this one,",
  { timeout: 60_000 },
  () => {
    let web: TestProcess;
    let worker: TestProcess;

    // As in a deploy: the old processes serve while the new release migrates below them, with people's data in it.
    beforeAll(async () => {
      folder = await scratchFolder("stockbell-earlier");
      if ("commit" in earlier) await checkOut(earlier.commit, folder);
      await createDatabase();
      for (const step of ["src/release.ts", "src/demo.ts"]) await runToEnd(step, folder);
      [web, worker] = await Promise.all([startWeb(folder), startWorker(folder)]);
      await runToEnd("src/release.ts");
    });
    afterAll(async () => {
      for (const client of clients) client.close();
      await Promise.all([web, worker].map((process) => process?.stop("SIGKILL")));
      rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
      await admin?.query(`drop database if exists ${database} with (force)`);
      await admin?.end();
    });

    test("is one that lacks the newest migrations, which have been done", async () => {
      const lacked = migrationNames().filter((name) => !known().includes(name));
      expect(lacked.length).toBeGreaterThan(0);
      const client = new pg.Client(env.DATABASE_URL);
      await client.connect();
      const { rows } = await client.query("select name from kysely_migration");
      await client.end();
      expect(rows.map(({ name }) => name)).toEqual(expect.arrayContaining(lacked));
    });

    test("calls itself ready", async () => {
      const answer = await fetch(`${web.url}/readyz`);
      expect([answer.status, await answer.json()]).toEqual([200, { database: "ok", migrations: "ok", redis: "ok" }]);
    });

    test("does all its work: people sign in, publish, watch, ask, reserve, are told, read", () =>
      workThrough(web, web));

    test("works with a worker of this one, as while a deploy is under way", async () => {
      expect((await worker.stop()).code).toBe(0);
      const other = await startWorker();
      await workThrough(web, web);
      expect((await other.stop()).code).toBe(0);
    });

    test("works beside a web process of this one: who acts there is heard here, and the other way round", async () => {
      [worker] = await Promise.all([startWorker(folder)]);
      const other = await startWeb();
      await workThrough(web, other);
      await workThrough(other, web);
      expect((await other.stop()).code).toBe(0);
    });

    test("stops in good order, and has logged no error", async () => {
      expect([(await web.stop()).code, (await worker.stop()).code]).toEqual([0, 0]);
      const lines = [web, worker].flatMap((process) => process.logs().trim().split("\n"));
      expect(lines.filter((line) => JSON.parse(line).level >= 50)).toEqual([]);
    });
  },
);

/** A listing's life, from its publishing to the mark on its notification: the seller at one web process, buyers at another. */
async function workThrough(sellers: TestProcess, buyers: TestProcess): Promise<void> {
  const [sol, bea, otto] = await Promise.all([
    signIn(sellers.url ?? "", { email: people.sol }),
    signIn(buyers.url ?? "", { email: people.bea }),
    signIn(buyers.url ?? "", { email: people.otto }),
  ]);
  const title = `Copper cathode ${crypto.randomUUID()}`;
  const listing = await publish(sellers, sol, title);
  const streams = await Promise.all([stream(buyers, bea), stream(buyers, otto), stream(sellers, sol)]);
  const [beas, ottos, sols] = streams;
  await send(buyers, `${listing}/watch`, bea);
  await send(buyers, `${listing}/enquiries`, bea, { message: "Is it still there?" });
  await told(sols, title);
  await send(sellers, `${listing}/reservation`, sol, { buyer: people.otto, hours: "24", version: "1" });
  await told(ottos, title);
  const seq = await told(beas, title);

  const row = new RegExp(`<[^>]*data-notification="${seq}"[^>]*>`);
  expect(row.exec(await page(buyers, "/notifications", bea))?.[0]).toContain('data-read="false"');
  await send(buyers, `/notifications/${seq}/read`, bea);
  await beas.next(({ event, data }) => event === "inbox" && data.includes(`id="notification-${seq}"`));
  expect(row.exec(await page(buyers, "/notifications", bea))?.[0]).toContain('data-read="true"');
}

async function publish(at: TestProcess, cookie: string, title: string): Promise<string> {
  const said = { title, description: "In bond.", category: "metals", location: "Rotterdam" };
  const amounts = { quantity: "1200", unit: "kg", price: "8.45", currency: "EUR" };
  const answer = await send(at, "/listings", cookie, { ...said, ...amounts });
  return answer.headers.get("Location") ?? "";
}

async function stream(at: TestProcess, cookie: string): Promise<SseClient> {
  const client = await openSse(`${at.url}/stream`, { cookie });
  clients.push(client);
  await client.next(({ event }) => event === "hello");
  return client;
}

/** Waits for the toast about a listing. @returns its number */
async function told(client: SseClient, title: string): Promise<string> {
  const toast = await client.next(({ event, data }) => event === "toast" && data.includes(title));
  return toast.id ?? "";
}

async function send(at: TestProcess, to: string, cookie: string, fields?: Record<string, string>): Promise<Response> {
  const answer = await postForm(`${at.url}${to}`, cookie, fields);
  expect(answer.status, to).toBe(303);
  return answer;
}

async function page(at: TestProcess, from: string, cookie: string): Promise<string> {
  const answer = await fetch(`${at.url}${from}`, { headers: { Cookie: cookie } });
  expect(answer.status, from).toBe(200);
  return answer.text();
}

function known(): string[] {
  return "migrations" in earlier ? earlier.migrations : [];
}

async function createDatabase(): Promise<void> {
  database = `${inject("template")}_earlier_${process.pid}`;
  admin = new pg.Client(inject("adminUrl"));
  await admin.connect();
  await admin.query(`create database ${database}`);
  const { href } = Object.assign(new URL(inject("adminUrl")), { pathname: `/${database}` });
  env = { NODE_ENV: "development", DATABASE_URL: href, REDIS_URL: redisUrl() };
}

async function runToEnd(file: string, root = ROOT): Promise<void> {
  const step = await startProcess(file, { env, root });
  expect((await step.exited).code, step.logs()).toBe(0);
}

async function startWeb(root = ROOT): Promise<TestProcess> {
  const web = await startProcess("src/web.ts", { env: { ...env, PORT: String(await freePort()) }, root });
  await until(async () => (await fetch(`${web.url}/readyz`).catch(() => null))?.status === 200, 30_000);
  return web;
}

async function startWorker(root = ROOT): Promise<TestProcess> {
  const worker = await startProcess("src/worker.ts", { env, root });
  await worker.waitForLog(/takes jobs/, 30_000);
  return worker;
}
