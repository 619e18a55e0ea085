import { execFile } from "node:child_process";
import { chmod, chown, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type EmbeddedPostgres, startPostgres } from "../src/embedded.ts";
import { isOpenTo, isRunning, startProcess, until } from "./processes.ts";
import { scratchFolder } from "./scratch.ts";

const run = promisify(execFile);
const HASTY = { fsync: "off" };
const root = process.getuid?.() === 0;
const started: EmbeddedPostgres[] = [];
let top: string;

beforeAll(async () => {
  top = await scratchFolder("stockbell-embedded");
  await chmod(top, 0o755);
  await (await start(path.join(top, "model"))).stop();
});

afterAll(async () => {
  for (const server of started) await server.stop();
  await run("rm", ["-rf", top]);
});

describe("the laptop's Postgres", () => {
  it("sets up an empty folder and nothing beside it, keeps what was written, and finds it at the next start", async () => {
    const dir = path.join(top, "kept", "postgres");
    await mkdir(dir, { recursive: true });
    const first = await start(dir);
    expect(await readdir(path.dirname(dir))).toEqual(["postgres"]);
    await query(first.url, "create table bells (name text)");
    await query(first.url, "insert into bells values ('Glocke 🔔')");
    await first.stop();

    const second = await start(dir);
    expect(await query(second.url, "select name from bells")).toEqual([{ name: "Glocke 🔔" }]);
    expect(new URL(second.url).pathname).toBe("/stockbell");
    await second.stop();
  });

  it("is reached only over the loopback interface and with its password, which only its owner can read", async () => {
    const dir = await copyOfModel("guarded");
    const server = await start(dir);
    const [settings] = await query(server.url, "select current_setting('listen_addresses') as listen_addresses");
    const stranger = new URL(server.url);
    stranger.password = "guessed";

    expect(settings).toEqual({ listen_addresses: "127.0.0.1" });
    await expect(query(stranger.href, "select 1")).rejects.toThrow("password authentication failed");
    expect((await stat(path.join(dir, "stockbell-password"))).mode & 0o777).toBe(0o600);
    expect(await readdir(dir)).not.toContain(expect.stringMatching("s.PGSQL"));
    await server.stop();
  });

  it("understands letters beyond English in search and in small letters", async () => {
    const server = await start(await copyOfModel("letters"));
    const [row] = await query(
      server.url,
      "select lower('ÄÉÑ') as low, to_tsvector('simple', 'ÄPFEL') @@ 'äpfel' as found",
    );
    expect(row).toEqual({ low: "äéñ", found: true });
    await server.stop();
  });

  it("stops once, quickly and wholly, however often it is told to", async () => {
    const dir = await copyOfModel("stopped");
    const server = await start(dir);
    const client = new pg.Client(server.url);
    client.on("error", () => {});
    await client.connect();
    await Promise.all([server.stop(), server.stop()]);
    await server.exited;
    await server.stop();
    expect(await readdir(dir)).not.toContain("postmaster.pid");
  });
});

describe("a data folder that cannot be used", () => {
  it("is refused in one line while another server runs on it, which goes on", async () => {
    const dir = await copyOfModel("twice");
    const server = await start(dir);
    const message = await refusal(dir);
    expect(message).toContain(`${dir} is already running`);
    expect(await query(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
    await server.stop();
  });

  it("is not refused for a lock that a crash left behind, even if its number is another process's now", async () => {
    const dir = await copyOfModel("stale");
    await (await start(dir)).stop();
    for (const pid of [process.pid, 4_194_303]) {
      await writeFile(path.join(dir, "postmaster.pid"), `${pid}\n${dir}\n1700000000\n5432\n\n127.0.0.1\n\nready\n`);
      const server = await start(dir);
      expect(await query(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
      await server.stop();
    }
  });

  it("is refused in one line that names it when there can be none", async () => {
    await writeFile(path.join(top, "file"), "");
    expect(await refusal(path.join(top, "file", "postgres"))).toContain(path.join(top, "file", "postgres"));
    expect(await refusal(path.join(top, "file"))).toContain(path.join(top, "file"));
  });

  it.each([
    ["holds something else", (dir: string) => rm(path.join(dir, "PG_VERSION"))],
    ["has a version that makes no sense", (dir: string) => writeFile(path.join(dir, "PG_VERSION"), "garbage\n")],
    ["was made by another version", (dir: string) => writeFile(path.join(dir, "PG_VERSION"), "9.6\n")],
    ["has lost its password", (dir: string) => rm(path.join(dir, "stockbell-password"))],
    ["has another password", (dir: string) => writeFile(path.join(dir, "stockbell-password"), "0000")],
    ["is damaged at its heart", (dir: string) => writeFile(path.join(dir, "global/pg_control"), Buffer.alloc(8192, 7))],
    ["has lost its journal", (dir: string) => rm(path.join(dir, "pg_wal"), { recursive: true })],
    ["has settings that make no sense", (dir: string) => writeFile(path.join(dir, "postgresql.conf"), "??? = !\n")],
  ])("is refused within seconds, in one line that names it and the way out, when it %s", async (what, damage) => {
    const dir = await copyOfModel(what.replaceAll(" ", "-"));
    await damage(dir);
    const before = Date.now();
    const message = await refusal(dir);
    expect(Date.now() - before).toBeLessThan(10_000);
    expect(message).toContain(dir);
    expect(message).toContain("Move that folder away to begin afresh, or set DATABASE_URL");
    expect(await readdir(dir)).not.toContain("postmaster.pid");
  });
});

describe("a server whose Stockbell was killed", () => {
  it.runIf(process.platform === "linux")("goes as well, and the next start waits for that", async () => {
    const dir = path.join(top, "orphan");
    const parent = await startProcess("test/fixtures/postgres.ts", { env: { DIR: dir } });
    await parent.waitForLog(/postgres:\/\//);
    const pid = Number.parseInt(await readFile(path.join(dir, "postmaster.pid"), "utf8"), 10);
    await parent.stop("SIGKILL");
    const server = await start(dir);
    await until(() => !isRunning(pid));
    await server.stop();
  });
});

describe.runIf(root)("started by root", () => {
  it("works in a folder that is root's alone", async () => {
    const closed = path.join(top, "roots");
    await mkdir(closed, { mode: 0o700 });
    const server = await start(path.join(closed, "postgres"));
    expect(await query(server.url, "select 1 as one")).toEqual([{ one: 1 }]);
    await server.stop();
  });

  it("works in a folder that is another user's alone, and again on the data that it left there", async () => {
    const closed = path.join(top, "others");
    await mkdir(closed, { mode: 0o700 });
    await chown(closed, 65_534, 65_534);
    for (const round of [1, 2]) {
      const server = await start(path.join(closed, "postgres"));
      expect(await query(server.url, "select $1::int as round", [round])).toEqual([{ round }]);
      await server.stop();
    }
  });

  it.for<[string, number]>([["a user without a name", 54_321]])(
    "leaves alone %s, for whom it works as well",
    async ([name, uid], { skip }) => {
      if (!(await isOpenTo(uid))) skip("this clone lies where only root can enter");
      const home = path.join(top, name.replaceAll(" ", "-"));
      await mkdir(home);
      await chown(home, uid, uid);
      const process = await startProcess("test/fixtures/postgres.ts", { env: { DIR: path.join(home, "data") }, uid });
      const [url] = await process.waitForLog(/postgres:\/\/\S+/);
      expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }]);
      expect((await stat(path.join(home, "data"))).uid).toBe(uid);
      expect(await process.stop()).toEqual({ code: 0, signal: null });
    },
  );
});

/** A cluster that was in use and is stopped, in far less time than it takes to set one up. */
async function copyOfModel(name: string): Promise<string> {
  const dir = path.join(top, name);
  await run("cp", ["-a", path.join(top, "model"), dir]);
  return dir;
}

async function start(dir: string): Promise<EmbeddedPostgres> {
  const server = await startPostgres({ dir, settings: HASTY });
  started.push(server);
  return server;
}

async function refusal(dir: string): Promise<string> {
  const error: unknown = await start(dir).then(
    () => null,
    (reason) => reason,
  );
  if (!(error instanceof Error)) throw new Error("It started.");
  expect(error.message).not.toContain("\n");
  return error.message;
}

async function query(url: string, text: string, values: unknown[] = []): Promise<unknown[]> {
  const client = new pg.Client(url);
  try {
    await client.connect();
    return (await client.query(text, values)).rows;
  } finally {
    await client.end();
  }
}
