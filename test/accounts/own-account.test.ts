import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { createPerson } from "../cast.ts";
import { cookieOf, createSite, get, PASSWORD, post, type Site, sidOf, signIn, whoIs } from "./site.ts";

const NEW_PASSWORD = "another long one";

let site: Site;
beforeAll(async () => {
  site = await createSite();
});
afterAll(() => site.close());

describe("the account page", () => {
  test("shows who one is and where one is signed in, and no session's id", async () => {
    const bea = await createPerson(site.db, { role: "buyer", name: "Bea Brandt", company: "Brandt Bau" });
    const here = await signIn(site.app, bea);
    const there = await signIn(site.app, bea);
    const { status, text } = await get(site.app, "/account", here);
    expect(status).toBe(200);
    for (const shown of ["Bea Brandt", "Brandt Bau", bea.email, "Buyer", "This one"]) expect(text).toContain(shown);
    expect(endings(text)).toHaveLength(2);
    for (const cookie of [here, there]) expect(text).not.toContain(sidOf(cookie));
  });

  test("names the browser and the system of each session", async () => {
    const otto = await createPerson(site.db, { role: "buyer" });
    const agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";
    const fields = { email: otto.email, password: PASSWORD };
    await post(site.app, "/sign-in", fields).set("User-Agent", agent);
    const { text } = await get(site.app, "/account", await signIn(site.app, otto));
    expect(text).toContain("Firefox on Windows");
  });
});

describe("ending a session", () => {
  test("signs out the other browser and not this one", async () => {
    const bea = await createPerson(site.db, { role: "buyer" });
    const [here, there] = [await signIn(site.app, bea), await signIn(site.app, bea)];
    const answer = await post(site.app, await endingOf(here, "other"), {}, here);
    expect([answer.status, answer.headers.location]).toEqual([303, "/account?done=session"]);
    expect([await whoIs(site.app, here), await whoIs(site.app, there)]).toEqual([bea.email, null]);
    expect(await endingJobs(bea)).toEqual([{ sessionId: sidOf(there), reason: "signed-out" }]);
  });

  test("is signing out where it is one's own", async () => {
    const bea = await createPerson(site.db, { role: "buyer" });
    const here = await signIn(site.app, bea);
    const answer = await post(site.app, await endingOf(here, "own"), {}, here);
    expect([answer.status, answer.headers.location]).toEqual([303, "/"]);
    expect(answer.headers["set-cookie"]?.[0]).toMatch(/^stockbell=;/);
    expect(await whoIs(site.app, here)).toBe(null);
  });

  test("of somebody else looks like one that is not there", async () => {
    const [bea, otto] = [
      await createPerson(site.db, { role: "buyer" }),
      await createPerson(site.db, { role: "buyer" }),
    ];
    const [beas, ottos] = [await signIn(site.app, bea), await signIn(site.app, otto)];
    const foreign = await post(site.app, await endingOf(ottos, "own"), {}, beas);
    const missing = await post(site.app, "/account/sessions/nothing/end", {}, beas);
    expect([foreign.status, missing.status]).toEqual([404, 404]);
    expect(foreign.text.replaceAll(/data-at="[^"]*"/g, "")).toBe(missing.text.replaceAll(/data-at="[^"]*"/g, ""));
    expect(await whoIs(site.app, ottos)).toBe(otto.email);
    const raw = await post(site.app, `/account/sessions/${sidOf(beas)}/end`, {}, beas);
    expect(raw.status).toBe(404);
  });
});

describe("changing the password", () => {
  test("S-01: gives this session a new id and ends all others, whose streams are told so", async () => {
    const bea = await createPerson(site.db, { role: "buyer" });
    const [here, there] = [await signIn(site.app, bea), await signIn(site.app, bea)];
    const answer = await change(here, { current: PASSWORD, password: NEW_PASSWORD });
    expect([answer.status, answer.headers.location]).toEqual([303, "/account?done=password"]);
    const renewed = cookieOf(answer) ?? "";
    expect(sidOf(renewed)).not.toBe(sidOf(here));
    expect(await Promise.all([here, there, renewed].map((cookie) => whoIs(site.app, cookie)))).toEqual([
      null,
      null,
      bea.email,
    ]);
    expect(await endingJobs(bea)).toEqual([
      { sessionId: sidOf(there), reason: "password" },
      { sessionId: sidOf(here), reason: "renewed" },
    ]);
    await expect(signIn(site.app, bea)).rejects.toThrow("422");
    expect(await signIn(site.app, bea, NEW_PASSWORD)).toBeTruthy();
  });

  test.each([
    [{ current: "not it at all", password: NEW_PASSWORD }, "That is not your current password."],
    [{ current: "", password: NEW_PASSWORD }, "Enter your current password."],
    [{ current: PASSWORD, password: "7 chars" }, "Use 8 characters at least."],
    [{ current: PASSWORD, password: "x".repeat(201) }, "Use 200 characters at the most."],
    [{ current: PASSWORD, password: PASSWORD }, "Choose a password other than the current one."],
    [{}, "Enter a password."],
  ])("is refused beside the field: %j", async (fields, message) => {
    const bea = await createPerson(site.db, { role: "buyer" });
    const [here, there] = [await signIn(site.app, bea), await signIn(site.app, bea)];
    const { status, text } = await change(here, fields as Record<string, string>);
    expect(status).toBe(422);
    expect(text.split(message).length - 1).toBe(2);
    expect(text).toContain("Where you are signed in");
    expect(text).not.toContain(NEW_PASSWORD);
    expect([await whoIs(site.app, here), await whoIs(site.app, there)]).toEqual([bea.email, bea.email]);
  });

  test("does nothing to anybody else's sessions", async () => {
    const [bea, otto] = [
      await createPerson(site.db, { role: "buyer" }),
      await createPerson(site.db, { role: "buyer" }),
    ];
    const [beas, ottos] = [await signIn(site.app, bea), await signIn(site.app, otto)];
    expect((await change(beas, { current: PASSWORD, password: NEW_PASSWORD })).status).toBe(303);
    expect(await whoIs(site.app, ottos)).toBe(otto.email);
  });
});

function change(cookie: string, fields: Record<string, string>) {
  return post(site.app, "/account/password", fields, cookie);
}

function endings(html: string): string[] {
  return [...html.matchAll(/action="(\/account\/sessions\/[^"]+\/end)"/g)].map((match) => match[1] ?? "");
}

/** The path that ends one's own session, which is listed first, or the other one. */
async function endingOf(cookie: string, which: "own" | "other"): Promise<string> {
  const [own = "", other = ""] = endings((await get(site.app, "/account", cookie)).text);
  return which === "own" ? own : other;
}

/** What the queue is to tell a person's streams. */
async function endingJobs(person: Viewer) {
  const { rows } = await sql<{ sessionId: string; reason: string }>`
    select payload ->> 'sessionId' as "sessionId", payload ->> 'reason' as reason
    from graphile_worker._private_jobs
    where payload ->> 'userId' = ${String(person.id)} and payload ->> 'reason' is not null
    order by id`.execute(site.db);
  return rows;
}
