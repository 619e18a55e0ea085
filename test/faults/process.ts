import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { get } from "node:http";

/** The MiB of memory that a process holds. */
export function rssOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

/**
 * How many descriptors a process holds, without its connections to a port: a pool's come and go as it sees fit.
 * @param but the database's port
 */
export function descriptorsOf(pid: number, but: number): number {
  const pooled = new Set(socketsTo(pid, but));
  return readdirSync(`/proc/${pid}/fd`).filter((fd) => !pooled.has(targetOf(`/proc/${pid}/fd/${fd}`))).length;
}

function socketsTo(pid: number, port: number): string[] {
  const remote = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const lines = ["tcp", "tcp6"].flatMap((table) => readFileSync(`/proc/${pid}/net/${table}`, "utf8").split("\n"));
  const fields = lines.map((line) => line.trim().split(/\s+/));
  return fields.filter(([, , to]) => to?.endsWith(remote)).map((field) => `socket:[${field[9]}]`);
}

// It may be closed between the listing and the look.
function targetOf(fd: string): string {
  try {
    return readlinkSync(fd);
  } catch {
    return "";
  }
}

/** The figures of a web process that was started with this METRICS_TOKEN, by name; those with labels added up. */
export async function figuresOf(url: string, token: string): Promise<(name: string) => number> {
  // On a connection of its own, which does not stay to be counted as the process's.
  const [answer] = await once(
    get(`${url}/metrics`, { agent: false, headers: { Authorization: `Bearer ${token}` } }),
    "response",
  );
  let text = "";
  for await (const part of answer.setEncoding("utf8")) text += part;
  return (name) => {
    const lines = [...text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([\\d.e+]+)$`, "gm"))];
    return lines.reduce((sum, [, value]) => sum + Number(value), 0);
  };
}
