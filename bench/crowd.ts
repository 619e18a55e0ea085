// The load client: a process of its own that holds thousands of streams, and times what they bring.
import { connect, type Socket } from "node:net";
import { nowUs, percentile } from "./proc.ts";

export type Seat = { port: number; path: string; cookie: string; cursor: number };
export type Report = { received: number; doubled: number; p50: number; p99: number; max: number };
export type Ask =
  | { do: "open"; seats: Seat[]; atOnce: number; comeBack: boolean }
  | { do: "listen" }
  | { do: "heard"; count: number; ms: number }
  | { do: "allOpen"; ms: number }
  | { do: "report" };

type Ear = Seat & {
  open: boolean;
  last: number;
  /** What has come of an event so far. */
  rest: string;
  /** It is one that need not be read. */
  skips: boolean;
  /** It ended with a line break so far. */
  halfway: boolean;
  socket: Socket;
};

const TOAST = /\nid:(\d+)\n|@(\d+)@|datetime="([^"]+)"/g;
const CARDS = Buffer.from("event:market");
const BREAK = 10;
// The clock of the events, which is the machine's, beside the one that processes share.
const WALL_US = Date.now() * 1000 - nowUs();
const buffer = Buffer.allocUnsafe(256 * 1024);
const ears: Ear[] = [];
let heard = { count: 0, doubled: 0, ms: [] as number[] };
const reply = (answer: unknown) => process.send?.({ answer });

function open(seat: Seat, at: number, comeBack: boolean, opened: () => void): void {
  const socket = connect({
    port: seat.port,
    host: "127.0.0.1",
    // So that there are ports enough.
    localAddress: `127.0.0.${2 + (at % 16)}`,
    noDelay: true,
    onread: { buffer, callback: (size) => hear(ear, buffer.subarray(0, size), opened) },
  });
  const ear: Ear = { ...seat, open: false, last: seat.cursor, rest: "", skips: false, halfway: false, socket };
  ears[at] = ear;
  socket.on("error", () => {});
  socket.once("close", () => {
    if (!comeBack) return;
    setTimeout(() => open({ ...seat, cursor: ear.last }, at, true, opened), 100 + Math.random() * 100);
  });
  const cursor = ear.last > 0 ? `Last-Event-ID: ${ear.last}\r\n` : "";
  socket.write(`GET ${seat.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${seat.cookie}\r\n${cursor}\r\n`);
}

/**
 * Cards come to everybody and are not what is timed. Under load they are most of what there is: whoever took them apart would
 * be measured instead of the server.
 */
function hear(ear: Ear, bytes: Buffer, opened: () => void): boolean {
  for (let from = 0; from < bytes.length; ) {
    if (ear.rest === "" && !ear.skips) ear.skips = bytes.subarray(from, from + CARDS.length).equals(CARDS);
    const end = endOf(bytes, from, ear.halfway);
    ear.halfway = end === null && bytes.at(-1) === BREAK;
    if (!ear.skips) ear.rest += bytes.toString("latin1", from, end ?? bytes.length);
    if (end === null) return true;
    if (!ear.skips) take(ear, opened);
    ear.skips = false;
    from = end;
  }
  return true;
}

/** Where an event ends: after an empty line, whose first half may have come before. */
function endOf(bytes: Buffer, from: number, halfway: boolean): number | null {
  if (halfway && bytes[from] === BREAK) return from + 1;
  const at = bytes.indexOf("\n\n", from);
  return at < 0 ? null : at + 2;
}

function take(ear: Ear, opened: () => void): void {
  const event = ear.rest;
  ear.rest = "";
  if (!ear.open && event.includes("event:hello")) {
    ear.open = true;
    opened();
  }
  if (/^event: ?toast/m.test(event)) toast(ear, event);
}

function toast(ear: Ear, event: string): void {
  const now = nowUs();
  let [seq, at] = [ear.last + 1, Number.NaN];
  for (const [, id, mark, time] of event.matchAll(TOAST)) {
    if (id) seq = Number(id);
    if (mark) at = Number(mark);
    else if (time && Number.isNaN(at)) at = Date.parse(time) * 1000 - WALL_US;
  }
  // One that sums up what was missed stands for all up to its number.
  heard.count += Math.max(0, seq - ear.last);
  if (seq <= ear.last) heard.doubled += 1;
  ear.last = Math.max(seq, ear.last);
  heard.ms.push((now - at) / 1000);
}

async function openAll({ seats, atOnce, comeBack }: Extract<Ask, { do: "open" }>): Promise<number> {
  const began = nowUs();
  const { promise, resolve } = Promise.withResolvers<void>();
  let [next, opened] = [0, 0];
  const more = () => {
    while (next < seats.length && next - opened < atOnce) {
      open(seats[next] as Seat, ears.length, comeBack, isOpen);
      next += 1;
    }
  };
  const isOpen = () => {
    opened += 1;
    if (opened === seats.length) resolve();
    else more();
  };
  more();
  await promise;
  return (nowUs() - began) / 1e6;
}

/** @returns seconds since the machine's clock stood at zero, when it has come true, or null where it has not in time */
function until(isSo: () => boolean, ms: number): Promise<number | null> {
  const { promise, resolve } = Promise.withResolvers<number | null>();
  const late = nowUs() + ms * 1000;
  const timer = setInterval(() => {
    if (!isSo() && nowUs() < late) return;
    clearInterval(timer);
    resolve(isSo() ? nowUs() / 1e6 : null);
  }, 5);
  return promise;
}

function report(): Report {
  const { count, doubled, ms } = heard;
  return { received: count, doubled, p50: percentile(ms, 0.5), p99: percentile(ms, 0.99), max: percentile(ms, 1) };
}

process.on("message", async (ask: Ask) => {
  if (ask.do === "open") reply(await openAll(ask));
  if (ask.do === "heard") reply(await until(() => heard.count >= ask.count, ask.ms));
  if (ask.do === "allOpen") reply(await until(() => ears.every((ear) => ear.open), ask.ms));
  if (ask.do === "report") reply(report());
  if (ask.do === "listen") {
    heard = { count: 0, doubled: 0, ms: [] };
    reply(null);
  }
});
