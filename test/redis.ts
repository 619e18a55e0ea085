import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { freePort } from "../src/postmaster.ts";
import { dyingWithParent } from "../src/run-as.ts";

export type TestRedis = { url: string; port: number; pid: number; stop(): Promise<void> };

/**
 * The machine's redis-server on a free loopback port, in memory only: for the whole run, and for those tests that stop,
 * freeze or cut off their Redis and so need one of their own.
 * @param port the port of one that was stopped, to bring it back
 */
export async function startRedis(port?: number): Promise<TestRedis> {
  const chosen = port ?? (await freePort());
  const settings = { port: chosen, bind: "127.0.0.1", save: "", appendonly: "no", databases: 64, dir: "/" };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const [file = "", ...rest] = [...(await dyingWithParent("TERM")), "redis-server", ...args];
  const child = spawn(file, rest, { stdio: ["ignore", "pipe", "ignore"] });
  const exited = once(child, "exit");
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  exited.finally(() => process.off("exit", kill));
  await Promise.race([
    saysItIsReady(child.stdout),
    exited.then(() => Promise.reject(new Error("redis-server ended."))),
  ]);
  return {
    url: `redis://127.0.0.1:${chosen}`,
    port: chosen,
    pid: child.pid ?? 0,
    async stop() {
      kill();
      await exited;
    },
  };
}

async function saysItIsReady(output: NodeJS.ReadableStream): Promise<void> {
  const lines = createInterface({ input: output });
  for await (const line of lines) {
    if (line.includes("Ready to accept connections")) break;
  }
  output.resume();
}
