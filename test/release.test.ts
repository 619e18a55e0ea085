import { readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { migrationNames } from "../src/migrations.ts";
import { redisUrl } from "./database.ts";
import { freePort, startProcess, until } from "./processes.ts";

let name: string;
let url: string;
let admin: pg.Client;

beforeEach(async () => {
  name = `${inject("template")}_empty_${process.pid}`;
  admin = new pg.Client(inject("adminUrl"));
  await admin.connect();
  await admin.query(`create database ${name}`);
  url = Object.assign(new URL(inject("adminUrl")), { pathname: `/${name}` }).href;
});
afterEach(async () => {
  await admin.query(`drop database ${name} with (force)`);
  await admin.end();
});

async function tables(): Promise<string[]> {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query(
    "select table_schema || '.' || table_name as name from information_schema.tables where table_schema in ('public', 'graphile_worker') order by 1",
  );
  await client.end();
  return rows.map((row) => row.name);
}

const release = () => startProcess("src/release.ts", { env: { DATABASE_URL: url } });

test("P-09: two releases at once: both end well, one waits for the other, and a third finds nothing to do", async () => {
  const [one, two] = await Promise.all([release(), release()]);
  expect(await Promise.all([one.exited, two.exited]), one.logs() + two.logs()).toMatchObject([
    { code: 0 },
    { code: 0 },
  ]);
  const made = await tables();
  expect(made).toContain("public.notifications");
  expect(made).toContain("graphile_worker._private_jobs");
  expect((await (await release()).exited).code).toBe(0);
  expect(await tables()).toEqual(made);
});

test("P-09: a release that fails says so in one line, exits 1, and leaves the schema as it was", async () => {
  const client = new pg.Client(url);
  await client.connect();
  await client.query("create table notifications (mine text)");
  await client.end();
  const before = await tables();
  const failing = await release();
  expect((await failing.exited).code).toBe(1);
  expect(failing.logs().trim().split("\n")).toHaveLength(1);
  expect(failing.logs()).toMatch(/^The migration failed: .*notifications/);
  const left = (await tables()).filter((table) => !table.startsWith("public.kysely_"));
  expect(left).toEqual(before);
});

test("P-03: each line of the Procfile starts node directly, and the three of them make a site that answers", async () => {
  const lines = readFileSync(join(import.meta.dirname, "../Procfile"), "utf8")
    .trim()
    .split("\n");
  const commands = Object.fromEntries(lines.map((line) => line.split(": ")));
  expect(Object.keys(commands).sort()).toEqual(["release", "web", "worker"]);
  const fileOf = (kind: string) => /^node (?:--[\w-]+=\d+ )?(src\/\w+\.ts)$/.exec(commands[kind])?.[1] ?? "";
  const port = await freePort();
  const env = { DATABASE_URL: url, REDIS_URL: redisUrl(), PORT: String(port) };
  expect((await (await startProcess(fileOf("release"), { env })).exited).code).toBe(0);
  const web = await startProcess(fileOf("web"), { env });
  const worker = await startProcess(fileOf("worker"), { env });
  await until(async () => (await fetch(`${web.url}/readyz`).catch(() => null))?.status === 200);
  await worker.waitForLog(/takes jobs/, 30_000);
  expect((await worker.stop()).code).toBe(0);
  expect((await web.stop()).code).toBe(0);
});

test("the migrations are in the order of their names, which begin with a date", () => {
  for (const migration of migrationNames()) expect(migration).toMatch(/^\d{4}-\d{2}-\d{2}-[a-z-]+$/);
});
