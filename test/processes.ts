import { type ChildProcessByStdio, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { dyingWithParent } from "../src/run-as.ts";

export { freePort } from "../src/postmaster.ts";

type Ending = { code: number | null; signal: NodeJS.Signals | null };

export type TestProcess = {
  pid: number;
  /** Where it listens, when it was given a PORT. */
  url: string | undefined;
  /** All that it has written so far, to both of its outputs. */
  logs(): string;
  /** What of it went to standard error. */
  errors(): string;
  /** Waits until what it has written matches. Throws with what it wrote when it ends or `ms` have passed before. */
  waitForLog(pattern: RegExp, ms?: number): Promise<RegExpExecArray>;
  exited: Promise<Ending>;
  /** Sends a signal (SIGTERM if left out) and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<Ending>;
};

type Options = {
  env?: Record<string, string | undefined>;
  /** Another copy of the project than this one. */
  root?: string;
  /** The user to run as; only root can choose. */
  uid?: number;
  args?: string[];
  /** What goes before the file, for the runtime. */
  flags?: string[];
};

const ROOT = path.join(import.meta.dirname, "..");
const PASSED_ON = ["PATH", "HOME", "TMPDIR", "LANG", "NODE_COMPILE_CACHE"];
const running = new Set<() => void>();

/** Ends whatever a test file has left running. */
export function killProcesses(): void {
  for (const kill of running) kill();
}

/**
 * Starts one of our processes with the runtime that the tests run on. It sees of the environment only what it is given
 * and where programs and temporary files are. Whatever happens it does not outlive the test file.
 * @param file such as "src/web.ts"
 */
export async function startProcess(
  file: string,
  { env = {}, root = ROOT, uid, args: given = [], flags = [] }: Options = {},
): Promise<TestProcess> {
  const command = [...(await dyingWithParent("KILL")), process.execPath, ...flags];
  const [program = "", ...args] = [...command, path.join(root, file), ...given];
  const inherited = Object.fromEntries(PASSED_ON.map((name) => [name, process.env[name]]));
  const identity = uid === undefined ? {} : { uid, gid: uid };
  const options = { cwd: root, env: { ...inherited, ...env }, ...identity };
  return observe(spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] }), env.PORT);
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

function observe(child: Child, port: string | undefined): TestProcess {
  let written = "";
  let complained = "";
  let ended = false;
  const news = new EventEmitter();
  for (const output of [child.stdout, child.stderr]) {
    output.setEncoding("utf8").on("data", (text: string) => {
      written += text;
      if (output === child.stderr) complained += text;
      news.emit("more");
    });
  }
  const exited = once(child, "close").then(([code, signal]): Ending => {
    ended = true;
    news.emit("more");
    return { code, signal };
  });
  const kill = () => child.kill("SIGKILL");
  running.add(kill);
  exited.finally(() => running.delete(kill));

  return {
    pid: child.pid ?? 0,
    url: port && `http://127.0.0.1:${port}`,
    logs: () => written,
    errors: () => complained,
    waitForLog,
    exited,
    stop,
  };

  async function waitForLog(pattern: RegExp, ms = 10_000): Promise<RegExpExecArray> {
    const signal = AbortSignal.timeout(ms);
    for (;;) {
      const match = pattern.exec(written);
      if (match) return match;
      if (ended || signal.aborted) throw new Error(`${pattern} was not written, but:\n${written}`);
      await once(news, "more", { signal }).catch(() => {});
    }
  }

  function stop(signal: NodeJS.Signals = "SIGTERM"): Promise<Ending> {
    child.kill(signal);
    return exited;
  }
}

/** Whether another user can run anything of this clone; not so where it lies in a folder that is root's alone. */
export async function isOpenTo(uid: number): Promise<boolean> {
  const child = spawn(process.execPath, ["--version"], { cwd: "/", uid, gid: uid, stdio: "ignore" });
  return once(child, "exit").then(
    ([code]) => code === 0,
    () => false,
  );
}

/** Whether a process is there (and is not merely waiting for its parent to notice its end). */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

/** Waits until something is so, looking every 20 ms; throws when `ms` have passed before. */
export async function until(condition: () => boolean | Promise<boolean>, ms = 10_000): Promise<void> {
  for (const deadline = Date.now() + ms; !(await condition()); await pause(20)) {
    if (Date.now() > deadline) throw new Error(`It did not come true within ${ms} ms: ${condition}`);
  }
}
