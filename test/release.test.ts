import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import pg from "pg";
import { afterEach, beforeEach, expect, inject, test } from "vitest";
import { migrationNames } from "../src/migrations.ts";
import { postForm } from "./cast.ts";
import { redisUrl } from "./database.ts";
import { freePort, startProcess, until } from "./processes.ts";

const ROOT = join(import.meta.dirname, "..");

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

test("P-09: a release that is rolled back to finds nothing to do on the schema that is ahead of it, and mends nothing that is half of both", async () => {
  expect((await (await release()).exited).code).toBe(0);
  const client = new pg.Client(url);
  await client.connect();
  await client.query("insert into kysely_migration (name, timestamp) values ('2999-01-01-later', '2999')");
  const before = await tables();
  const back = await release();
  expect((await back.exited).code, back.logs()).toBe(0);
  expect(await tables()).toEqual(before);
  await client.query("delete from kysely_migration where name = $1", [migrationNames().at(-1)]);
  const torn = await release();
  expect((await torn.exited).code).toBe(1);
  expect(torn.logs()).toMatch(/^The migration failed: .*2999-01-01-later/);
  await client.end();
});

/** The Procfile's lines: of each its file and what the runtime gets before it. */
function procfile(): Record<string, { file: string; flags: string[] }> {
  const lines = readFileSync(join(ROOT, "Procfile"), "utf8").trim().split("\n");
  const entries = lines.map((line) => {
    const [, kind = "", flags = "", file = ""] = /^(\w+): node ((?:--[\w-]+=\d+ )*)(src\/\w+\.ts)$/.exec(line) ?? [];
    return [kind, { file, flags: flags.split(" ").filter(Boolean) }] as const;
  });
  return Object.fromEntries(entries);
}

test("P-03: each line of the Procfile starts node directly, and with .env.example copied the three of them make a site that works", async () => {
  const { release: first, web: second, worker: third, ...rest } = procfile();
  if (!first || !second || !third) throw new Error("a line of the Procfile does not start node");
  expect(rest).toEqual({});
  // As `heroku local` does it, on a machine whose Postgres, Redis and port are elsewhere than the example's.
  const example = parseEnv(readFileSync(join(ROOT, ".env.example"), "utf8"));
  expect(Object.keys(example)).toEqual(expect.arrayContaining(["DATABASE_URL", "REDIS_URL", "PORT"]));
  const env = { ...example, DATABASE_URL: url, REDIS_URL: redisUrl(), PORT: String(await freePort()) };
  const start = ({ file, flags }: typeof first) => startProcess(file, { env, flags });
  expect((await (await start(first)).exited).code).toBe(0);
  const [web, worker] = await Promise.all([start(second), start(third)]);
  await until(async () => (await fetch(`${web.url}/readyz`).catch(() => null))?.status === 200);
  await worker.waitForLog(/takes jobs/, 30_000);
  expect(await signUp(web.url ?? "")).toEqual([303, 200]);
  expect((await worker.stop()).code).toBe(0);
  expect((await web.stop()).code).toBe(0);
  expect(web.errors() + worker.errors()).toBe("");
});

/** Makes an account, as the form does. @returns how that was answered, and how a page that only its owner sees */
async function signUp(site: string): Promise<number[]> {
  const person = {
    role: "buyer",
    name: "Nia",
    company: "New Ltd",
    email: "nia@new.example",
    password: "a long one of hers",
  };
  const answer = await postForm(`${site}/sign-up`, "", person);
  const cookie = answer.headers.getSetCookie().at(-1)?.split(";")[0] ?? "";
  const account = await fetch(`${site}/account`, { headers: { Cookie: cookie }, redirect: "manual" });
  return [answer.status, account.status];
}

test("the migrations are in the order of their names, which begin with a date", () => {
  for (const migration of migrationNames()) expect(migration).toMatch(/^\d{4}-\d{2}-\d{2}-[a-z-]+$/);
});
