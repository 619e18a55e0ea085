import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { get } from "node:http";

/** The MiB of memory that a process holds. */
export function rssOf(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
}

/**
 * How many descriptors a process holds, and how many of them are connections to a port, not counted among the others: a
 * pool's come and go as it sees fit.
 * @param port the database's
 */
export function descriptorsOf(pid: number, port: number): { own: number; pooled: number } {
  const sockets = new Set(socketsTo(pid, port));
  const targets = readdirSync(`/proc/${pid}/fd`).map((fd) => targetOf(`/proc/${pid}/fd/${fd}`));
  const own = targets.filter((target) => !sockets.has(target)).length;
  return { own, pooled: targets.length - own };
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
