import { once } from "node:events";
import type { AddressInfo } from "node:net";
import express, { type RequestHandler, type Response } from "express";
import { afterEach, beforeEach, expect, test } from "vitest";
import { inTurn } from "../src/turns.ts";
import { until } from "./processes.ts";

let url: string;
let inside: Response[];
let arrived: number;
let gone: number;
let stop: () => void;

beforeEach(async () => {
  inside = [];
  arrived = 0;
  gone = 0;
  const count: RequestHandler = (_req, res, next) => {
    arrived += 1;
    res.once("close", () => {
      gone += 1;
    });
    next();
  };
  const app = express().get("/", count, inTurn(2), (_req, res) => void inside.push(res));
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stop = () => {
    server.closeAllConnections();
    server.close();
  };
});
afterEach(() => stop());

/** One more guest, who has come when this resolves. */
async function come() {
  const before = arrived;
  const patience = new AbortController();
  const answered = fetch(url, { signal: patience.signal }).catch(() => null);
  await until(() => arrived > before);
  return { leave: () => patience.abort(), answered };
}

test("no more than so many are inside; the next comes in when one begins to be answered, though that goes on", async () => {
  const guests = [await come(), await come(), await come(), await come()];
  expect(inside).toHaveLength(2);
  inside[0]?.writeHead(200).write("more to come");
  await until(() => inside.length === 3);
  inside[1]?.end();
  await until(() => inside.length === 4);
  for (const res of inside) res.end();
  await Promise.all(guests.map(({ answered }) => answered));
});

test("whoever goes away in the line never comes in, and whoever goes away inside makes room", async () => {
  const [first, second, third, fourth] = [await come(), await come(), await come(), await come()];
  expect(inside).toHaveLength(2);
  third.leave();
  await until(() => gone === 1);
  first.leave();
  await until(() => inside.length === 3);
  inside[1]?.end("second");
  inside[2]?.end("fourth");
  await Promise.all([second.answered, fourth.answered]);
  const [fifth, sixth] = [await come(), await come()];
  await until(() => inside.length === 5);
  for (const res of inside.slice(3)) res.end();
  await Promise.all([fifth.answered, sixth.answered]);
  expect(inside).toHaveLength(5);
});
