import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { createPerson } from "../cast.ts";
import { cookieOf, createSite, get, OWN, PASSWORD, post, type Site, sidOf, signIn } from "./site.ts";

const NEW_PASSWORD = "another long one";

let site: Site;
beforeAll(async () => {
  site = await createSite();
});
afterAll(() => site.close());

describe("S-17: the audit log", () => {
  test("holds who came, went and was refused, whose password changed and whose session ended, from where and by which request", async () => {
    const otto = await createPerson(site.db, { role: "buyer" });
    const fields = { email: otto.email, password: PASSWORD };
    const named = { ...OWN, "X-Request-Id": "a-request-of-ottos" };
    const cookie = cookieOf(await post(site.app, "/sign-in", fields, "", named)) ?? "";
    await post(site.app, "/sign-in", { ...fields, password: "wrong-password" });
    await post(site.app, "/account/password", { current: "wrong-password", password: NEW_PASSWORD }, cookie);
    const changed = await post(site.app, "/account/password", { current: PASSWORD, password: NEW_PASSWORD }, cookie);
    const renewed = cookieOf(changed) ?? "";
    await signIn(site.app, otto, NEW_PASSWORD);
    const [, other = ""] = [
      ...(await get(site.app, "/account", renewed)).text.matchAll(/sessions\/([^/"]+)\/end/g),
    ].map((match) => match[1]);
    await post(site.app, `/account/sessions/${other}/end`, {}, renewed);
    await post(site.app, "/sign-out", {}, renewed);
    const rows = await entriesAbout(otto);
    const own = (action: string) => [action, otto.id];
    expect(rows.map(({ action, actor_id }) => [action, actor_id])).toEqual([
      own("signed_in"),
      ["sign_in_refused", null],
      own("password_change_refused"),
      own("password_changed"),
      own("signed_in"),
      own("session_ended"),
      own("signed_out"),
    ]);
    expect(rows[0]).toMatchObject({ address: "127.0.0.1", request_id: "a-request-of-ottos" });
    expect(rows[1]?.details).toEqual({ because: "password" });
    expect(rows.every(({ at, request_id }) => at instanceof Date && request_id)).toBe(true);
    const all = JSON.stringify(rows);
    for (const secret of [
      PASSWORD,
      NEW_PASSWORD,
      "wrong-password",
      otto.email,
      sidOf(cookie),
      sidOf(renewed),
      "argon2",
    ])
      expect(all.includes(secret), secret).toBe(false);
  });

  test("P-10: holds the address that our own proxy saw, not what somebody wrote into X-Forwarded-For", async () => {
    const { rita } = site.world.cast;
    const forwarded = { ...OWN, "X-Forwarded-For": "198.51.100.66, 203.0.113.9" };
    const fields = { email: rita.email, password: PASSWORD };
    for (const [trustProxy, seen] of [
      [1, "203.0.113.9"],
      [0, "127.0.0.1"],
    ] as const) {
      const app = site.appWith({ trustProxy });
      expect(app.get("trust proxy")).toBe(trustProxy);
      expect((await post(app, "/sign-in", fields, "", forwarded)).status).toBe(303);
      expect((await entriesAbout(rita)).at(-1)).toMatchObject({ action: "signed_in", address: seen });
    }
  });

  test("holds that an account was made, and guesses at accounts that are not there without their names", async () => {
    const person = { role: "buyer", name: "Nia", company: "C", email: "nia@demo.test", password: NEW_PASSWORD };
    await post(site.app, "/sign-up", person);
    await post(site.app, "/sign-up", { ...person, name: "Other" });
    const nia = await site.db
      .selectFrom("users")
      .select("id")
      .where("email", "=", person.email)
      .executeTakeFirstOrThrow();
    expect((await entriesAbout(nia)).map(({ action }) => action)).toEqual(["account_created"]);
    await post(site.app, "/sign-in", { email: "ghost@demo.test", password: PASSWORD });
    const [last] = await site.db.selectFrom("audit_log").selectAll().orderBy("id", "desc").limit(1).execute();
    expect(last).toMatchObject({ action: "sign_in_refused", subject_id: null, details: { because: "unknown" } });
    expect(JSON.stringify(last)).not.toContain("ghost");
  });

  test("says once that somebody guesses too often, and not with every guess that is refused", async () => {
    const rita = await createPerson(site.db, { role: "seller" });
    for (let n = 0; n < 15; n += 1) await post(site.app, "/sign-in", { email: rita.email, password: "wrong-password" });
    const actions = (await entriesAbout(rita)).map(({ action }) => action);
    expect(actions.filter((action) => action === "sign_in_throttled")).toHaveLength(1);
    expect(actions.filter((action) => action === "sign_in_refused")).toHaveLength(6);
  });

  test("is only added to: the database refuses to change, to delete and to empty it", async () => {
    const ada = await createPerson(site.db, { role: "admin" });
    await signIn(site.app, ada);
    const before = await entriesAbout(ada);
    expect(before).toHaveLength(1);
    for (const attempt of [
      sql`update audit_log set action = 'nothing'`,
      sql`delete from audit_log`,
      sql`truncate audit_log`,
      sql`delete from audit_log where at < now() - interval '1 hour' or true`,
    ])
      await expect(attempt.execute(site.db)).rejects.toThrow("the audit log is only added to");
    expect(await entriesAbout(ada)).toEqual(before);
  });

  test("lets go of what is older than 400 days, when it is told to, and of nothing younger", async () => {
    const ada = await createPerson(site.db, { role: "admin" });
    for (const days of [401, 399]) {
      await sql`insert into audit_log (action, subject_id, at)
        values ('signed_in', ${ada.id}, now() - ${days} * interval '1 day')`.execute(site.db);
    }
    await sql`delete from audit_log where subject_id = ${ada.id} and at < now() - interval '400 days'`.execute(site.db);
    expect(await entriesAbout(ada)).toHaveLength(1);
    await expect(sql`delete from audit_log where subject_id = ${ada.id}`.execute(site.db)).rejects.toThrow(
      "only added",
    );
  });

  test("is in the change's own transaction: an account that is refused leaves none, and one that cannot be noted is not made", async () => {
    await sql`alter table audit_log add constraint broken check (action <> 'account_created') not valid`.execute(
      site.db,
    );
    const person = { role: "buyer", name: "Nil", company: "C", email: "nil@demo.test", password: NEW_PASSWORD };
    expect((await post(site.app, "/sign-up", person)).status).toBe(500);
    await sql`alter table audit_log drop constraint broken`.execute(site.db);
    expect(await site.db.selectFrom("users").select("id").where("email", "=", person.email).execute()).toEqual([]);
  });

  test("shows its own part to each on the account page", async () => {
    const sol = await createPerson(site.db, { role: "seller" });
    await post(site.app, "/sign-in", { email: sol.email, password: "wrong-password" });
    const { text } = await get(site.app, "/account", await signIn(site.app, sol));
    expect(text).toContain("Somebody typed a wrong password");
    const rita = await createPerson(site.db, { role: "seller" });
    expect((await get(site.app, "/account", await signIn(site.app, rita))).text).not.toContain("a wrong password");
  });
});

function entriesAbout({ id }: Pick<Viewer, "id">) {
  return site.db.selectFrom("audit_log").selectAll().where("subject_id", "=", id).orderBy("id").execute();
}
