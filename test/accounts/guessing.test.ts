import type { Request } from "express";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { by, recordSecurityEvent } from "../../src/accounts/audit.ts";
import { checkCredentials } from "../../src/accounts/credentials.ts";
import { createDb, createPool } from "../../src/db.ts";
import { BusyError, TooManyError } from "../../src/errors.ts";
import { CHEAP_COST, createPerson } from "../cast.ts";
import { freePort } from "../processes.ts";
import { cookieOf, createSite, OWN, PASSWORD, post, type Site, signIn } from "./site.ts";

const MINUTE = 60_000;
const ELSEWHERE = "192.0.2.77";

let site: Site;
let victim: Viewer;
beforeAll(async () => {
  site = await createSite();
});
afterAll(() => site.close());
beforeEach(async () => {
  victim = await createPerson(site.db, { role: "buyer" });
  // The clock of each test begins before that of the last one ended.
  await site.db.deleteFrom("throttles").execute();
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => void vi.useRealTimers());

type Outcome = "let in" | "verified" | "throttled" | "busy";

/** One guess, as sign-in makes it, from an address. @returns "verified" when a hash was computed and did not match */
async function guess(email: string, password: string, ip: string, db = site.db): Promise<Outcome> {
  try {
    const req = { ip, id: "guess" } as unknown as Request;
    return (await checkCredentials(db, req, { email, password }, CHEAP_COST)) ? "let in" : "verified";
  } catch (error) {
    if (error instanceof TooManyError) return "throttled";
    if (error instanceof BusyError) return "busy";
    throw error;
  }
}

/** As many guesses as that, one after the other and evenly over some minutes. */
async function guesses(number: number, minutes: number, one: (n: number) => Promise<Outcome>): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const began = Date.now();
  for (let n = 0; n < number; n += 1) {
    vi.setSystemTime(began + (n * minutes * MINUTE) / number);
    outcomes.push(await one(n));
  }
  return outcomes;
}

function verified(outcomes: Outcome[]): number {
  return outcomes.filter((outcome) => outcome === "verified").length;
}

function pass(ms: number): void {
  vi.setSystemTime(Date.now() + ms);
}

function someAddress(n: number): string {
  return `198.51.${100 + Math.floor(n / 250)}.${n % 250}`;
}

describe("S-11: of 1,000 guesses", () => {
  test("at one account in ten minutes no more than 20 are looked at, and its owner signs in within a quarter of an hour", async () => {
    const outcomes = await guesses(1000, 10, (n) => guess(victim.email, `guess ${n}`, "203.0.113.5"));
    expect(verified(outcomes)).toBeGreaterThan(5);
    expect(verified(outcomes)).toBeLessThanOrEqual(20);
    pass(10 * MINUTE);
    expect(await guess(victim.email, PASSWORD, ELSEWHERE)).toBe("let in");
  });

  test("at one account, each from another address, no more are", async () => {
    const outcomes = await guesses(1000, 10, (n) => guess(victim.email, `guess ${n}`, someAddress(n)));
    expect(verified(outcomes)).toBeLessThanOrEqual(20);
    expect(outcomes.at(-1)).toBe("throttled");
  });

  test("from one address at 1,000 accounts no more than 50 are", async () => {
    const outcomes = await guesses(1000, 10, (n) => guess(`somebody-${n}@demo.test`, PASSWORD, "203.0.113.6"));
    expect(verified(outcomes)).toBeGreaterThan(20);
    expect(verified(outcomes)).toBeLessThanOrEqual(50);
  });

  test("from one household's IPv6 addresses no more than 50 are", async () => {
    const outcomes = await guesses(100, 1, (n) => guess(`anybody-${n}@demo.test`, PASSWORD, `2001:db8:1:2::${n + 1}`));
    expect(verified(outcomes)).toBeLessThanOrEqual(50);
    expect(await guess("anybody@demo.test", PASSWORD, "2001:db8:1:3::1")).toBe("verified");
  });

  test("that come all at once, to two processes, no more than 20 are", async () => {
    const other = createDb(createPool(site.world.config, 4));
    onTestFinished(() => other.destroy());
    const all = Array.from({ length: 90 }, (_, n) =>
      guess(victim.email, `guess ${n}`, someAddress(n), n % 2 ? other : site.db),
    );
    expect(verified(await Promise.all(all))).toBeLessThanOrEqual(20);
  });
});

test("S-11: the wait grows, and whoever is known at an address comes in from there while strangers guess", async () => {
  const req = { ip: "192.0.2.8", id: "earlier" } as unknown as Request;
  await recordSecurityEvent(site.db, req, { action: "signed_in", ...by(victim) });
  await guesses(500, 5, (n) => guess(victim.email, `guess ${n}`, someAddress(n)));
  expect(await guess(victim.email, PASSWORD, ELSEWHERE)).toBe("throttled");
  expect(await guess(victim.email, PASSWORD, "192.0.2.8")).toBe("let in");
});

test("S-11: right passwords are not counted: an office comes in from one address in the morning", async () => {
  const people = await Promise.all(Array.from({ length: 60 }, () => createPerson(site.db, { role: "buyer" })));
  const outcomes = await Promise.all(people.map(({ email }) => guess(email, PASSWORD, "203.0.113.9")));
  expect(new Set(outcomes)).toEqual(new Set(["let in"]));
});

test("S-11: unknown and suspended accounts are throttled just as those that are there", async () => {
  await site.db.updateTable("users").set({ status: "suspended" }).where("id", "=", victim.id).execute();
  const other = await createPerson(site.db, { role: "buyer" });
  const series = [victim.email, other.email, "no-one-at-all@demo.test"].map(async (email, index) => {
    const outcomes: Outcome[] = [];
    for (let n = 0; n < 12; n += 1) outcomes.push(await guess(email, "not it", `192.0.2.${10 * index + 100}`));
    return outcomes;
  });
  const [suspended, known, unknown] = await Promise.all(series);
  expect(known?.filter((outcome) => outcome === "throttled").length).toBeGreaterThan(3);
  expect(suspended).toEqual(known);
  expect(unknown).toEqual(known);
});

describe("S-11: whoever has tried too often", () => {
  const wrong = { email: "", password: "not it", next: "/listings/7" };

  async function wrongly(app: Site["app"], headers: Record<string, string> = OWN) {
    return post(app, "/sign-in", { ...wrong, email: victim.email }, "", headers);
  }

  test("is told how long to wait, with the form again, and htmx in its place for errors", async () => {
    for (let n = 0; n < 6; n += 1) expect((await wrongly(site.app)).status).toBe(422);
    const { status, headers, text } = await wrongly(site.app);
    expect([status, headers["retry-after"]]).toEqual([429, "15"]);
    expect(text.split("Too many tries. Please wait 15 seconds, then try again.")).toHaveLength(3);
    expect(text).toContain(`value="${victim.email}"`);
    expect(text).not.toContain("not it");
    const fragment = await wrongly(site.app, { ...OWN, "HX-Request": "true" });
    expect([fragment.status, fragment.headers["retry-after"], fragment.headers["hx-retarget"]]).toEqual([
      ...[429, "15", "#alerts"],
    ]);
    pass(16_000);
    expect((await wrongly(site.app)).status).toBe(422);
    expect((await wrongly(site.app)).headers["retry-after"]).toBe("30");
    pass(31_000);
    expect(await signIn(site.app, victim)).toBeTruthy();
  });

  test("waits although Redis is away", async () => {
    const without = await createSite({ redis: `redis://127.0.0.1:${await freePort()}` });
    onTestFinished(() => without.close());
    const fields = { ...wrong, email: without.world.cast.bea.email };
    for (let n = 0; n < 6; n += 1) await post(without.app, "/sign-in", fields);
    expect((await post(without.app, "/sign-in", fields)).status).toBe(429);
  });

  test("P-10: is not somebody else by what they write into X-Forwarded-For", async () => {
    const from = (address: string) => ({ ...OWN, "X-Forwarded-For": address });
    const proxied = site.appWith({ trustProxy: 1 });
    for (let n = 0; n < 40; n += 1) {
      const fields = { ...wrong, email: `forwarded-${n}@demo.test` };
      await post(proxied, "/sign-in", fields, "", from(`10.0.0.${n}, 203.0.113.77`));
    }
    const asked = (address: string) => post(proxied, "/sign-in", { ...wrong, email: "f@demo.test" }, "", from(address));
    expect((await asked("10.9.9.9, 203.0.113.77")).status).toBe(429);
    expect((await asked("203.0.113.77, 203.0.113.78")).status).toBe(422);
    const bare = site.appWith({ trustProxy: 0 });
    expect((await post(bare, "/sign-in", { ...wrong, email: "f@demo.test" }, "", from("203.0.113.77"))).status).toBe(
      422,
    );
  });

  test("cannot guess on at the present password of a session that they found open", async () => {
    const cookie = await signIn(site.app, victim);
    const change = (current: string) =>
      post(site.app, "/account/password", { current, password: "a new one of mine" }, cookie);
    for (let n = 0; n < 6; n += 1) expect((await change(`guess ${n}`)).status).toBe(422);
    const { status, headers, text } = await change(PASSWORD);
    expect([status, headers["retry-after"]]).toEqual([429, "15"]);
    expect(text).toContain("Too many tries.");
    pass(16_000);
    expect((await change(PASSWORD)).status).toBe(303);
  });
});

describe("S-11: nobody floods the others:", () => {
  test("accounts are made so often from one address and no more", async () => {
    const app = site.appWith({ trustProxy: 1 });
    const make = (n: number) => {
      const person = {
        role: "seller",
        name: "N",
        company: "C",
        email: `made-${n}@demo.test`,
        password: "long enough for it",
      };
      return post(app, "/sign-up", person, "", { ...OWN, "X-Forwarded-For": "203.0.113.99" });
    };
    const statuses: number[] = [];
    for (let n = 0; n < 22; n += 1) statuses.push((await make(n)).status);
    expect(statuses).toEqual([...Array(21).fill(303), 429]);
  }, 60_000);

  test("what others are told of is written so often by one person and no more", async () => {
    const { bea, otto } = site.world.cast;
    const cookie = await signIn(site.app, bea);
    const ask = (as: string) => post(site.app, "/listings/987654321/enquiries", { message: "Is it there?" }, as);
    const statuses = new Set<number>();
    for (let n = 0; n < 125; n += 1) statuses.add((await ask(cookie)).status);
    expect(statuses).toEqual(new Set([404, 429]));
    expect((await ask(await signIn(site.app, otto))).status).toBe(404);
    pass(10_000);
    expect((await ask(cookie)).status).toBe(404);
  });
});

test("S-12: signing up says whether there is an account, so it is throttled", async () => {
  const taken = { role: "buyer", name: "N", company: "C", email: victim.email, password: "long enough for it" };
  const app = site.appWith({ trustProxy: 1 });
  const answers = [];
  for (let n = 0; n < 22; n += 1)
    answers.push(await post(app, "/sign-up", taken, "", { ...OWN, "X-Forwarded-For": "203.0.113.98" }));
  expect(answers[0]?.status).toBe(422);
  expect(cookieOf(answers[0] ?? { headers: {} })).toBe(undefined);
  expect(answers.at(-1)?.status).toBe(429);
}, 60_000);
