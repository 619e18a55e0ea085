import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { signUpForm } from "../../src/accounts/forms.ts";
import { hashPassword, verifyPassword } from "../../src/accounts/passwords.ts";
import { BusyError } from "../../src/errors.ts";
import { createPerson, PASSWORD } from "../cast.ts";
import { createSite, post, signIn } from "./site.ts";

describe("S-13: a password", () => {
  test("is kept as an argon2id string with 19 MiB, two passes, one lane and a salt of its own", async () => {
    const [first, second] = await Promise.all([hashPassword("ring-the-bell"), hashPassword("ring-the-bell")]);
    expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(second).not.toBe(first);
  });

  test.each(["ring-the-bell", "x".repeat(200), "ключ от склада", "🔔🔔🔔🔔🔔🔔🔔🔔", " spaces at both ends "])(
    "%s is known again, and nothing near it is",
    async (password) => {
      const hash = await hashPassword(password);
      expect(await verifyPassword(hash, password)).toBe(true);
      expect(await verifyPassword(hash, password.slice(0, -1))).toBe(false);
      expect(await verifyPassword(hash, `${password}x`)).toBe(false);
    },
  );

  test("is the same however a keyboard composes its letters", async () => {
    const hash = await hashPassword("cafe\u0301-corner");
    expect(await verifyPassword(hash, "caf\u00e9-corner")).toBe(true);
  });

  test("hashed elsewhere at another cost is known as well", async () => {
    const reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
    expect(await verifyPassword(reference, "password")).toBe(true);
    expect(await verifyPassword(reference, "Password")).toBe(false);
  });

  test("cannot be checked against what is no hash", async () => {
    await expect(verifyPassword("$2b$10$abcdefghijklmnopqrstuv", "ring-the-bell")).rejects.toThrow("cannot be read");
  });
});

test("nobody's password is as much work to refuse as somebody's", async () => {
  const hash = await hashPassword("ring-the-bell");
  const known = await leastWork(() => verifyPassword(hash, "something else"));
  const unknown = await leastWork(() => verifyPassword(undefined, "something else"));
  expect(unknown / known).toBeGreaterThan(0.6);
  expect(unknown / known).toBeLessThan(1.6);
});

test("a flood of passwords leaves threads for everything else", async () => {
  let done = 0;
  const flood = Array.from({ length: 16 }, () => hashPassword("flood").then(() => (done += 1)));
  await stat(import.meta.filename);
  // Without a bound the pool's threads take them all before they look at a file.
  expect(done).toBeLessThan(4);
  await Promise.all(flood);
  expect(done).toBe(16);
});

test("S-13: of a flood no more wait than can be served in time, and whoever is turned away has cost nothing", async () => {
  const all = await Promise.allSettled(Array.from({ length: 150 }, () => verifyPassword(CHEAP, "flood")));
  const refused = all.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
  expect(refused.length).toBe(150 - 66);
  expect(refused.every(({ reason }) => reason instanceof BusyError)).toBe(true);
  expect(await verifyPassword(CHEAP, "flood")).toBe(false);
  await expect(verifyPassword(CHEAP, "flood", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  // Nobody's turn is lost by that.
  expect(await Promise.all([1, 2, 3].map(() => verifyPassword(CHEAP, "flood")))).toEqual([false, false, false]);
});

describe("S-13: a new password", () => {
  const person = { role: "buyer", name: "N", company: "C", email: "n@demo.test" };
  const isTaken = (password: string) => signUpForm.safeParse({ ...person, password }).success;

  test("is none of the 3,000 that are guessed first, however it is written", async () => {
    const file = path.join(import.meta.dirname, "../../src/accounts/common-passwords.txt");
    const list = (await readFile(file, "utf8")).split("\n").filter((line) => line && !line.startsWith("#"));
    expect(list.length).toBeGreaterThan(3000);
    expect(list.filter((password) => password.length < 8)).toEqual([]);
    expect(list.filter((password) => isTaken(password) || isTaken(password.toUpperCase()))).toEqual([]);
    for (const known of ["password", "12345678", "Password1", "QWERTYUIOP", "iloveyou"])
      expect(list).toContain(known.toLowerCase());
  });

  test.each([
    "plum-888",
    "all small letters",
    "1029384756102",
    "🔔".repeat(8),
    "x".repeat(64),
    " x".repeat(64),
    PASSWORD,
  ])("may be anything else of 8 characters and more: %s", (password) => expect(isTaken(password)).toBe(true));
});

test("S-13: whoever signs in with a hash of another cost gets one of today's, and the password stays the same", async () => {
  const site = await createSite();
  onTestFinished(() => site.close());
  // As it is in life, where the suite's cheap hashes are of another cost.
  const app = site.appWith({}, { hashCost: undefined });
  const bea = await createPerson(site.db, { role: "buyer" });
  const hash = async () =>
    (await site.db.selectFrom("users").select("password_hash").where("id", "=", bea.id).executeTakeFirstOrThrow())
      .password_hash;
  const before = await hash();
  await post(app, "/sign-in", { email: bea.email, password: "not it" });
  expect(await hash()).toBe(before);
  await signIn(app, bea);
  const after = await hash();
  expect(after).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  await signIn(app, bea);
  expect(await hash()).toBe(after);
});

/** Of the password "ring-the-bell", at the least cost there is. */
const CHEAP = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzYWx0$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE";

/** Processor time and not the clock's: other test files run meanwhile. */
async function leastWork(check: () => Promise<boolean>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round += 1) {
    const before = process.cpuUsage();
    expect(await check()).toBe(false);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, user + system);
  }
  return least;
}
