import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { createPerson } from "../cast.ts";
import { createSite, get, PASSWORD, post, type Site, sidOf, signIn, whoIs } from "./site.ts";

const HOURS = 3_600_000;

let site: Site;
beforeAll(async () => {
  site = await createSite();
});
afterAll(() => site.close());

describe("a session", () => {
  test("lives for eight hours from its last use, whenever that was", async () => {
    const { cookie } = await signedIn();
    expect(await hoursLeft(cookie)).toBeCloseTo(8, 1);
    await setExpiry(cookie, "1 minute");
    expect(await whoIs(site.app, cookie)).not.toBe(null);
    expect(await hoursLeft(cookie)).toBeCloseTo(8, 1);
  });

  test("that has run out is nobody's, and using it does not bring it back", async () => {
    const { cookie } = await signedIn();
    await setExpiry(cookie, "-1 second");
    expect(await whoIs(site.app, cookie)).toBe(null);
    expect(await hoursLeft(cookie)).toBeLessThan(0);
  });

  test("S-10: is neither prolonged nor brought back by a stream or its polling", async () => {
    const { cookie } = await signedIn();
    await setExpiry(cookie, "1 minute");
    const before = await expiryOf(cookie);
    expect((await get(site.app, "/stream/fallback?after=0", cookie)).status).toBe(204);
    expect(await expiryOf(cookie)).toEqual(before);
    await setExpiry(cookie, "-1 second");
    expect((await get(site.app, "/stream/fallback?after=0", cookie)).status).toBe(401);
    await sql`delete from sessions where sid = ${sidOf(cookie)}`.execute(site.db);
    expect((await get(site.app, "/stream/fallback?after=0", cookie)).status).toBe(401);
    expect(await expiryOf(cookie)).toBe(undefined);
  });

  test("of somebody who has been suspended is nobody's at once, also for the stream", async () => {
    const { person, cookie } = await signedIn();
    await site.db.updateTable("users").set({ status: "suspended" }).where("id", "=", person.id).execute();
    expect((await get(site.app, "/stream/fallback?after=0", cookie)).status).toBe(401);
    expect(await whoIs(site.app, cookie)).toBe(null);
  });

  test("sees a change of name, company or role with the next request", async () => {
    const { person, cookie } = await signedIn();
    await site.db
      .updateTable("users")
      .set({ role: "seller", company: "Renamed" })
      .where("id", "=", person.id)
      .execute();
    const { text } = await get(site.app, "/account", cookie);
    expect(text).toContain('data-role="seller"');
    expect(text).toContain("Renamed");
  });
});

describe("S-02: the session cookie", () => {
  const secrets = ["an-older-secret-of-enough-characters", "the-newer-secret-of-enough-characters"] as const;
  const env = { NODE_ENV: "production", APP_ORIGIN: "https://stock.example", TRUST_PROXY: "1", HOST: "127.0.0.1" };
  const proxied = { "X-Forwarded-Proto": "https", "Sec-Fetch-Site": "same-origin" };

  test("in production carries the __Host- prefix and is Secure, HttpOnly, SameSite=Lax, with no Domain and no date", async () => {
    const production = await createSite({ redis: true, env: { ...env, SESSION_SECRET: secrets[1] } });
    const fields = { email: "bea@demo.test", password: PASSWORD };
    const answer = await post(production.app, "/sign-in", fields, "", proxied);
    const [cookie = ""] = (answer.headers["set-cookie"] as unknown as string[] | undefined) ?? [];
    const [value = "", ...attributes] = cookie.split("; ");
    expect(value).toMatch(/^__Host-stockbell=s%3A[\w-]{32}\./);
    expect(attributes.sort()).toEqual(["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]);
    expect(answer.headers["strict-transport-security"]).toBe("max-age=31536000; includeSubDomains");
    const page = await get(production.app, "/account", value, proxied);
    expect(page.status).toBe(200);
    const out = await post(production.app, "/sign-out", {}, value, proxied);
    expect(out.headers["set-cookie"]?.[0]).toMatch(
      /^__Host-stockbell=; Path=\/; Expires=.*; HttpOnly; Secure; SameSite=Lax$/,
    );
    const plain = await post(production.app, "/sign-in", fields, "", { "Sec-Fetch-Site": "same-origin" });
    expect(plain.headers["set-cookie"]).toBe(undefined);
    await production.close();
  });

  test("is signed with the first secret, and known by any of them", async () => {
    const [old, recent] = secrets;
    const before = site.appWith({ sessionSecrets: [old] });
    const during = site.appWith({ sessionSecrets: [recent, old] });
    const after = site.appWith({ sessionSecrets: [recent] });
    const cookie = await signIn(before, site.world.cast.bea);
    expect(await whoIs(during, cookie)).toBe("bea@demo.test");
    expect(await whoIs(after, cookie)).toBe(null);
    expect(await whoIs(after, await signIn(during, site.world.cast.bea))).toBe("bea@demo.test");
    expect((await get(during, "/stream/fallback?after=0", cookie)).status).toBe(204);
    expect((await get(after, "/stream/fallback?after=0", cookie)).status).toBe(401);
  });
});

describe("the stream takes no cookie", () => {
  test.each([
    ["of another name", (cookie: string) => cookie.replace("stockbell=", "stockbell2=")],
    ["with another's signature", (cookie: string) => `${cookie.slice(0, -4)}AAAA`],
    ["with none", (cookie: string) => cookie.replace(/\.[^.]*$/, "")],
    ["that cannot be decoded", (cookie: string) => `${cookie}%E0%A4%A`],
    ["that is empty", () => "stockbell=s%3A"],
  ])("%s", async (_what, changed) => {
    const { cookie } = await signedIn();
    expect((await get(site.app, "/stream/fallback?after=0", cookie)).status).toBe(204);
    expect((await get(site.app, "/stream/fallback?after=0", `other=1; ${cookie}`)).status).toBe(204);
    expect((await get(site.app, "/stream/fallback?after=0", changed(cookie))).status).toBe(401);
  });
});

async function signedIn(): Promise<{ person: Viewer; cookie: string }> {
  const person = await createPerson(site.db, { role: "buyer" });
  return { person, cookie: await signIn(site.app, person) };
}

async function setExpiry(cookie: string, fromNow: string): Promise<void> {
  await sql`update sessions set expire = now() + ${fromNow}::interval where sid = ${sidOf(cookie)}`.execute(site.db);
}

async function expiryOf(cookie: string): Promise<Date | undefined> {
  const row = await site.db.selectFrom("sessions").select("expire").where("sid", "=", sidOf(cookie)).executeTakeFirst();
  return row?.expire;
}

async function hoursLeft(cookie: string): Promise<number> {
  const expiry = await expiryOf(cookie);
  return ((expiry?.getTime() ?? 0) - Date.now()) / HOURS;
}
