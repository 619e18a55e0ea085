import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPerson } from "../cast.ts";
import { cookieOf, createSite, get, OWN, PASSWORD, post, type Site, sidOf, signIn, whoIs } from "./site.ts";

let site: Site;
beforeAll(async () => {
  site = await createSite();
});
afterAll(() => site.close());

describe("signing in", () => {
  test("leads home, or to the page that was asked for", async () => {
    const { bea } = site.world.cast;
    const home = await post(site.app, "/sign-in", { email: bea.email, password: PASSWORD });
    expect([home.status, home.headers.location]).toEqual([303, "/"]);
    const next = await post(site.app, "/sign-in", { email: bea.email, password: PASSWORD, next: "/listings?q=zinc" });
    expect([next.status, next.headers.location]).toEqual([303, "/listings?q=zinc"]);
    expect(await whoIs(site.app, cookieOf(next) ?? "")).toBe(bea.email);
  });

  test("takes the email address in any case, with spaces around it", async () => {
    const answer = await post(site.app, "/sign-in", { email: "  BEA@Demo.TEST ", password: PASSWORD });
    expect(answer.status).toBe(303);
  });

  test("says in the same words that a password is wrong, an address unknown and a person suspended", async () => {
    const gone = await createPerson(site.db, { role: "buyer" });
    await site.db.updateTable("users").set({ status: "suspended" }).where("id", "=", gone.id).execute();
    const tries = [
      { email: site.world.cast.bea.email, password: "wrong-password" },
      { email: "nobody@demo.test", password: PASSWORD },
      { email: gone.email, password: PASSWORD },
    ];
    const answers = await Promise.all(tries.map((fields) => post(site.app, "/sign-in", fields)));
    const bodies = answers.map(({ text }, index) => text.replaceAll(tries[index]?.email ?? "", "…"));
    expect(answers.map(({ status }) => status)).toEqual([422, 422, 422]);
    expect(new Set(bodies).size).toBe(1);
    expect(bodies[0]).toContain("The email address or the password is not right.");
    expect(answers.map(cookieOf)).toEqual([undefined, undefined, undefined]);
  });

  test("keeps what was typed and where one was going, and never the password", async () => {
    const fields = { email: "bea@demo.test", password: "quite-wrong-password", next: "/listings/7" };
    const { text } = await post(site.app, "/sign-in", fields);
    expect(text).toContain('value="bea@demo.test"');
    expect(text).toContain('name="next" value="/listings/7"');
    expect(text).not.toContain("quite-wrong-password");
  });

  test.each([
    [{}, ["Enter your email address.", "Enter your password."]],
    [{ email: "bea@demo.test", password: "" }, ["Enter your password."]],
    [{ email: "x".repeat(300), password: PASSWORD }, ["Use 254 characters at the most."]],
    [{ email: "bea@demo.test\u0000", password: "y".repeat(201) }, ["That password is longer than any can be."]],
  ])("asks for what is missing or cannot be: %j", async (fields, messages) => {
    const { status, text } = await post(site.app, "/sign-in", fields as Record<string, string>);
    expect(status).toBe(422);
    for (const message of messages) expect(text.split(message).length - 1, message).toBe(2);
  });

  test("answers htmx with the form alone, and with where to go", async () => {
    const htmx = { ...OWN, "HX-Request": "true" };
    const wrong = await post(site.app, "/sign-in", { email: "bea@demo.test", password: "no" }, "", htmx);
    expect(wrong.status).toBe(422);
    expect(wrong.text.trim()).toMatch(/^<form/);
    const right = await post(
      site.app,
      "/sign-in",
      { email: "bea@demo.test", password: PASSWORD, next: "/account" },
      "",
      htmx,
    );
    expect([right.status, right.headers["hx-redirect"]]).toEqual([204, "/account"]);
  });

  test("is not offered to whoever is signed in", async () => {
    const cookie = await signIn(site.app, site.world.cast.bea);
    for (const path of ["/sign-in", "/sign-up", "/sign-in?next=/sign-in"]) {
      const answer = await get(site.app, path, cookie);
      expect([answer.status, answer.headers.location], path).toEqual([303, "/"]);
    }
  });

  test("writes who it was into the log, and nothing else of them", async () => {
    const cookie = await signIn(site.app, site.world.cast.otto);
    await post(site.app, "/sign-in", { email: site.world.cast.otto.email, password: "wrong-password" });
    await post(site.app, "/sign-out", {}, cookie);
    const logged = site.logged();
    expect(logged).toContain(`"user":${site.world.cast.otto.id},"msg":"signed in"`);
    expect(logged).toContain(`"user":${site.world.cast.otto.id},"msg":"signed out"`);
    expect(logged).toContain('"msg":"a sign-in was refused"');
    for (const secret of ["demo.test", PASSWORD, "wrong-password", sidOf(cookie), "argon2"]) {
      expect(logged.includes(secret), secret).toBe(false);
    }
  });
});

describe("S-01: the session's id", () => {
  test("is another one after each sign-in, and the old one is nobody's at once", async () => {
    const { bea, otto } = site.world.cast;
    const first = await signIn(site.app, bea);
    const again = await post(site.app, "/sign-in", { email: bea.email, password: PASSWORD }, first);
    const second = cookieOf(again) ?? "";
    expect(sidOf(second)).not.toBe(sidOf(first));
    expect([await whoIs(site.app, first), await whoIs(site.app, second)]).toEqual([null, bea.email]);
    const third = cookieOf(await post(site.app, "/sign-in", { email: otto.email, password: PASSWORD }, second)) ?? "";
    expect([await whoIs(site.app, second), await whoIs(site.app, third)]).toEqual([null, otto.email]);
  });

  test("is nobody's after sign-out, and the browser is told to forget it", async () => {
    const cookie = await signIn(site.app, site.world.cast.bea);
    const answer = await post(site.app, "/sign-out", {}, cookie);
    expect([answer.status, answer.headers.location]).toEqual([303, "/"]);
    expect(answer.headers["set-cookie"]).toEqual([
      expect.stringMatching(/^stockbell=; Path=\/; Expires=Thu, 01 Jan 1970/),
    ]);
    expect(await whoIs(site.app, cookie)).toBe(null);
    expect(await site.db.selectFrom("sessions").select("sid").where("sid", "=", sidOf(cookie)).execute()).toEqual([]);
    expect((await post(site.app, "/sign-out", {}, cookie)).status).toBe(303);
  });

  test("is never one that somebody else has chosen", async () => {
    const { bea, otto } = site.world.cast;
    const attackers = await signIn(site.app, otto);
    const planted = [
      "stockbell=chosen",
      "stockbell=s%3Achosen.c2lnbmF0dXJl",
      attackers.replace(/\.[^.]*$/, ".forged"),
      attackers,
    ];
    for (const cookie of planted) {
      const answer = await post(site.app, "/sign-in", { email: bea.email, password: PASSWORD }, cookie);
      const given = cookieOf(answer) ?? "";
      expect(sidOf(given)).toMatch(/^[\w-]{32}$/);
      expect(given).not.toBe(cookie);
      expect(await whoIs(site.app, cookie)).not.toBe(bea.email);
    }
  });

  test("is not given to anybody who has not signed in", async () => {
    for (const path of ["/", "/sign-in", "/sign-up", "/listings"]) {
      expect((await get(site.app, path)).headers["set-cookie"], path).toBe(undefined);
    }
  });
});

describe("whoever is signed out", () => {
  test("is asked to sign in and then comes back to the page", async () => {
    const answer = await get(site.app, "/listings?q=copper&page=2");
    expect(answer.status).toBe(303);
    expect(answer.headers.location).toBe("/sign-in?next=%2Flistings%3Fq%3Dcopper%26page%3D2");
    const { text } = await get(site.app, answer.headers.location ?? "");
    expect(text).toContain('name="next" value="/listings?q=copper&amp;page=2"');
  });

  test("comes back to the page with the form whose sending failed", async () => {
    const from = (page: string) => ({ ...OWN, Referer: page, Host: "stock.example" });
    const own = await post(site.app, "/listings/3/watch", {}, "", from("http://stock.example/listings/3?from=home"));
    expect(own.headers.location).toBe("/sign-in?next=%2Flistings%2F3%3Ffrom%3Dhome");
    const other = await post(site.app, "/listings/3/watch", {}, "", from("http://evil.test/listings/3"));
    expect([other.status, other.headers.location]).toEqual([303, "/sign-in"]);
  });

  test("gets 401 without a redirect from htmx, and nothing but 401 for a stream", async () => {
    const htmx = await get(site.app, "/listings", "", { "HX-Request": "true" });
    expect([htmx.status, htmx.headers.location, htmx.headers["hx-retarget"]]).toEqual([401, undefined, "#alerts"]);
    for (const path of ["/stream", "/stream/fallback?after=0"]) {
      const answer = await get(site.app, path);
      expect([answer.status, answer.headers.location, answer.text], path).toEqual([401, undefined, ""]);
    }
  });
});
