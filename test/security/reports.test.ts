import { Writable } from "node:stream";
import express from "express";
import { pino } from "pino";
import supertest from "supertest";
import { expect, test } from "vitest";
import { createMetrics } from "../../src/metrics.ts";
import { reportRoutes } from "../../src/reports.ts";

function reporter() {
  const lines: Record<string, unknown>[] = [];
  const to = new Writable({
    write(line, _encoding, done) {
      lines.push(JSON.parse(String(line)));
      done();
    },
  });
  const metrics = createMetrics();
  const app = express().use(reportRoutes({ log: pino(to), metrics }));
  const send = (body: string, type = "application/csp-report") =>
    supertest(app).post("/csp-reports").set("Content-Type", type).send(body);
  const counted = async () => (await metrics.policyReports.get()).values[0]?.value;
  return { lines, send, counted };
}

const violated = {
  "violated-directive": "script-src",
  "blocked-uri": "https://evil.test/a.js?who=bea",
  "document-uri": "https://stock.test/account?a=secret",
};

test("S-05: a report of either form is a line in the log without anything that is somebody's, and is counted", async () => {
  const { lines, send, counted } = reporter();
  expect((await send(JSON.stringify({ "csp-report": violated }))).status).toBe(204);
  const body = { effectiveDirective: "img-src", blockedURL: "inline", documentURL: "https://stock.test/" };
  const both = [
    { type: "csp-violation", body },
    { type: "csp-violation", body },
  ];
  expect((await send(JSON.stringify(both), "application/reports+json")).status).toBe(204);
  expect(lines.map(({ directive, blocked, page }) => [directive, blocked, page])).toEqual([
    ["script-src", "https://evil.test/a.js", "https://stock.test/account"],
    ["img-src", "inline", "https://stock.test/"],
    ["img-src", "inline", "https://stock.test/"],
  ]);
  expect(JSON.stringify(lines)).not.toMatch(/bea|secret/);
  expect(await counted()).toBe(3);
});

test.each([
  ["nothing", ""],
  ["no JSON", "{"],
  ["something else", '{"a":1}'],
  ["a list of something else", "[1,null]"],
  ["a form", "a=b"],
])("S-05: %s is taken and forgotten", async (_what, body) => {
  const { lines, send, counted } = reporter();
  expect((await send(body)).status).toBe(204);
  expect([lines, await counted()]).toEqual([[], 0]);
});

test("S-05: odd values are cut, a flood is refused, and what is too large is not read", async () => {
  const { lines, send } = reporter();
  const odd = { "violated-directive": { a: 1 }, "blocked-uri": "x".repeat(5_000), "document-uri": "javascript:zq9" };
  await send(JSON.stringify({ "csp-report": odd }));
  expect(lines.map(({ directive, blocked, page }) => [directive, blocked, page])).toEqual([["", "", "javascript:"]]);
  expect((await send("x".repeat(20_000))).status).toBe(413);
  const flood = await Promise.all(Array.from({ length: 70 }, () => send(JSON.stringify({ "csp-report": violated }))));
  const refused = flood.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThanOrEqual(10);
  expect(refused[0]?.headers["retry-after"]).toBe("60");
  expect(lines.length).toBeLessThanOrEqual(60);
});
