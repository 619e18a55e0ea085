import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { signedInCrowd } from "../faults/crowd.ts";
import { until } from "../processes.ts";
import { type Fleet, startFleet } from "./fleet.ts";

const STREAMS = 2000;
const AT_ONCE = 250;

let fleet: Fleet;
beforeAll(async () => {
  fleet = await startFleet(1, 0);
});
afterAll(() => fleet.close());

test(`P-05: a web process with ${STREAMS} streams ends well within 25 s of SIGTERM, tells each of them when to come back, and takes a second SIGTERM for nothing new`, async () => {
  const [web] = fleet.webs;
  if (!web) throw new Error("there is no web process");
  const people = await signedInCrowd(fleet.world, STREAMS);
  const readers: Awaited<ReturnType<typeof listen>>[] = [];
  for (let at = 0; at < STREAMS; at += AT_ONCE) {
    const some = people.slice(at, at + AT_ONCE).map(({ cookie }) => listen(new URL(web.url ?? "").port, cookie));
    readers.push(...(await Promise.all(some)));
  }
  const told = Date.now();
  const ending = web.stop();
  await until(() => readers.some(({ last }) => last().includes("event:bye")));
  process.kill(web.pid, "SIGTERM");
  expect(await ending).toEqual({ code: 0, signal: null });
  expect(Date.now() - told).toBeLessThan(25_000);
  await until(() => readers.every(({ ended }) => ended()));
  const delays = readers.map(({ last }) => Number(/event:bye\n.*"reconnect":(\d+)}\s*$/s.exec(last())?.[1]));
  expect(delays.filter((delay) => !(delay >= 500 && delay < 5000))).toEqual([]);
}, 60_000);

/** A stream of which only the last bytes are kept; resolves when it has said hello. */
function listen(port: string, cookie: string): Promise<{ last(): string; ended(): boolean }> {
  const socket: Socket = connect({ port: Number(port), host: "127.0.0.1" });
  let last = "";
  let ended = false;
  socket.write(`GET /stream HTTP/1.1\r\nHost: x\r\nCookie: ${cookie}\r\n\r\n`);
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.once("end", () => {
      ended = true;
    });
    socket.setEncoding("utf8").on("data", (more: string) => {
      last = (last + more).slice(-2000);
      if (last.includes("event:hello")) resolve({ last: () => last, ended: () => ended });
    });
  });
}
