import { stat } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { hashPassword, verifyPassword } from "../../src/accounts/passwords.ts";

describe("a password", () => {
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
