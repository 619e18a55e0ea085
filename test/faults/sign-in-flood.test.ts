import { setTimeout as pause } from "node:timers/promises";
import type { Request } from "express";
import { afterAll, beforeAll, expect, test } from "vitest";
import { checkCredentials } from "../../src/accounts/credentials.ts";
import { hashPassword } from "../../src/accounts/passwords.ts";
import { createPerson, postForm } from "../cast.ts";
import { type Fleet, startFleet } from "../fleet/fleet.ts";
import type { TestProcess } from "../processes.ts";
import { type Ear, openEar, signedInCrowd } from "./crowd.ts";
import { percentile, report, sized } from "./sizes.ts";

const EACH_SECOND = 200;
const SECONDS = sized(40, 4);
const STREAMS = 60;
/** Each stream has a turn of its own on the wheel, so of sixty one hears its heartbeat every quarter of a second. */
const TURN_MS = 250;
const TRIES = sized(200, 20);
/**
 * Of the short form's few tries, with neighbours beside them, the least says more than the median, and is as certain as they
 * let it be: a password that is not hashed takes a tenth.
 */
const [SHARE, WHICH, APART] = sized(
  [0.5, "medians", (least: number) => least + 5],
  [0, "least times", (least: number) => least * 1.6],
) as [number, string, (least: number) => number];
/** The short form runs on slower machines too. */
const [MOST_LATE_MS, MOST_MS] = sized([1000, 5000], [2000, 10_000]) as [number, number];

let fleet: Fleet;
let web: TestProcess;
beforeAll(async () => {
  fleet = await startFleet(1, 0, { TRUST_PROXY: "1" });
  web = fleet.webs[0] as TestProcess;
});
afterAll(() => fleet.close());

test(`S-13: ${EACH_SECOND} sign-ins a second for ${SECONDS} s hold up no heartbeat by ${MOST_LATE_MS / 1000} s, and all of them are answered in time`, async () => {
  const crowd = await signedInCrowd(fleet.world, STREAMS);
  const port = Number(new URL(web.url ?? "").port);
  const ears = crowd.map(({ cookie }) => openEar(port, cookie, 0));
  await Promise.all(ears.map(({ opened }) => opened));
  // Until each has had its first heartbeat, which belongs to the opening.
  await pause(1000);
  const began = Date.now();
  const answers: Promise<{ status: number; ms: number }>[] = [];
  for (let n = 0; n < EACH_SECOND * SECONDS; n += 1) {
    answers.push(tryToComeIn(n));
    await pause(Math.max(0, began + (n * 1000) / EACH_SECOND - Date.now()));
  }
  const ended = Date.now();
  const all = await Promise.all(answers);
  const lateness = latenessOf(ears, began, ended);
  for (const ear of ears) ear.close();
  const count = (status: number) => all.filter((answer) => answer.status === status).length;
  report("S-13", {
    "sign-ins": all.length,
    "looked at": count(422),
    "turned away": count(503),
    "slowest answer, ms": Math.max(...all.map(({ ms }) => ms)),
    heartbeats: lateness.length,
    "latest by, ms": Math.max(...lateness),
  });
  expect(count(422) + count(503)).toBe(all.length);
  expect(count(422)).toBeGreaterThan(0);
  expect(count(503)).toBeGreaterThan(0);
  expect(Math.max(...all.map(({ ms }) => ms))).toBeLessThan(MOST_MS);
  expect(lateness.length).toBeGreaterThan(((ended - began) / TURN_MS) * 0.7);
  expect(Math.max(...lateness)).toBeLessThan(MOST_LATE_MS);
}, 120_000);

test(`S-12: of ${TRIES} tries each the ${WHICH} of unknown, known and suspended accounts do not tell them apart, and their answers are one`, async () => {
  const { db } = fleet.world;
  const [known, suspended] = [await createPerson(db, { role: "buyer" }), await createPerson(db, { role: "buyer" })];
  // At the cost that it has in life, not the suite's.
  const password_hash = await hashPassword("the right one of both");
  await db.updateTable("users").set({ password_hash }).where("id", "in", [known.id, suspended.id]).execute();
  await db.updateTable("users").set({ status: "suspended" }).where("id", "=", suspended.id).execute();
  const emails = { unknown: "person-0@demo.test", known: known.email, suspended: suspended.email };
  const times: Record<string, number[]> = { unknown: [], known: [], suspended: [] };
  for (let n = 0; n < TRIES; n += 1) {
    await db.deleteFrom("throttles").execute();
    for (const [kind, email] of Object.entries(emails)) times[kind]?.push(await msToRefuse(email));
  }
  const typical = Object.values(times).map((list) => percentile(list, SHARE));
  report(
    "S-12",
    Object.fromEntries(Object.entries(times).map(([kind, list]) => [`${kind}, ms`, percentile(list, SHARE)])),
  );
  expect(Math.max(...typical)).toBeLessThan(APART(Math.min(...typical)));

  const password = "the right one of both";
  const answers = await Promise.all(
    [emails.unknown, emails.suspended].map((email) => postForm(`${web.url}/sign-in`, "", { email, password })),
  );
  answers.push(await postForm(`${web.url}/sign-in`, "", { email: known.email, password: "wrong" }));
  const bodies = await Promise.all(answers.map((answer) => answer.text()));
  expect(answers.map(({ status }) => status)).toEqual([422, 422, 422]);
  const own = Object.values(emails);
  expect(new Set(bodies.map((body) => own.reduce((text, email) => text.replaceAll(email, "…"), body))).size).toBe(1);

  async function msToRefuse(email: string): Promise<number> {
    const req = { ip: "192.0.2.1", id: "timing" } as unknown as Request;
    const began = performance.now();
    expect(await checkCredentials(db, req, { email, password: "wrong" })).toBe(undefined);
    return performance.now() - began;
  }
}, 120_000);

/** Each from an address of its own and to an account of its own, which no throttle stops. */
async function tryToComeIn(n: number): Promise<{ status: number; ms: number }> {
  const began = performance.now();
  const address = `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
  const fields = { email: `flood-${n}@demo.test`, password: "let me in" };
  const { status, body } = await postForm(`${web.url}/sign-in`, "", fields, { "X-Forwarded-For": address });
  await body?.cancel();
  return { status, ms: performance.now() - began };
}

/** By how many ms each heartbeat came later than a turn after the one before it. */
function latenessOf(ears: Ear[], from: number, to: number): number[] {
  const beats = ears.flatMap((ear) => ear.beats).filter((at) => at > from && at < to);
  const inOrder = [from, ...beats.sort((a, b) => a - b)];
  return inOrder.slice(1).map((at, n) => Math.max(0, at - (inOrder[n] ?? at) - TURN_MS));
}
