import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cookieOf, createSite, get, post, type Site, whoIs } from "./site.ts";

const NEW = {
  name: "Nia Novak",
  company: "Novak Holz",
  email: "nia@demo.test",
  password: "a long and easy one",
  role: "buyer",
};

let site: Site;
beforeAll(async () => {
  site = await createSite();
});
afterAll(() => site.close());

test("signing up makes an account with an inbox and signs its owner in", async () => {
  const answer = await post(site.app, "/sign-up", { ...NEW, email: " Nia@Demo.test ", name: "  Nia   Novak " });
  expect([answer.status, answer.headers.location]).toEqual([303, "/"]);
  const cookie = cookieOf(answer) ?? "";
  expect(await whoIs(site.app, cookie)).toBe("nia@demo.test");
  const home = await get(site.app, "/", cookie);
  expect(home.text).toContain('data-role="buyer"');
  const stored = await site.db
    .selectFrom("users")
    .innerJoin("inboxes", "inboxes.user_id", "users.id")
    .select(["name", "company", "role", "status", "last_seq"])
    .where("email", "=", "nia@demo.test")
    .execute();
  expect(stored).toEqual([{ name: "Nia Novak", company: "Novak Holz", role: "buyer", status: "active", last_seq: 0 }]);
});

test("a seller's account sells", async () => {
  const answer = await post(site.app, "/sign-up", { ...NEW, email: "seller@demo.test", role: "seller" });
  expect((await get(site.app, "/listings/new", cookieOf(answer))).status).toBe(200);
});

describe("is refused beside the field, with what was typed kept,", () => {
  test.each([
    ["a missing name", { name: " " }, "Enter your name."],
    ["a name too long", { name: "n".repeat(101) }, "Use 100 characters at the most."],
    ["a missing company", { company: "" }, "Enter your company&#39;s name."],
    ["a missing email", { email: "" }, "Enter your email address."],
    ["what is no email", { email: "nia at demo" }, "Enter an email address in the form of name@example.com."],
    ["a missing password", { password: "" }, "Enter a password."],
    ["a short password", { password: "7 chars" }, "Use 8 characters at least."],
    ["a password too long", { password: "x".repeat(201) }, "Use 200 characters at the most."],
    ["a missing role", { role: "" }, "Choose whether you buy or sell."],
    ["a role that nobody can choose", { role: "admin" }, "Choose whether you buy or sell."],
    ["an email that is taken", { email: "BEA@demo.test" }, "There is an account with this email address already."],
  ])("%s", async (_what, wrong, message) => {
    const { status, text, headers } = await post(site.app, "/sign-up", { ...NEW, email: "new@demo.test", ...wrong });
    expect(status).toBe(422);
    expect(text.split(message).length - 1).toBe(2);
    expect(text).toContain("<title>Error: Create an account – Stockbell</title>");
    if (!("name" in wrong)) expect(text).toContain('value="Nia Novak"');
    expect(text).not.toContain(NEW.password);
    expect(headers["set-cookie"]).toBe(undefined);
  });
});

test("markup, emoji and quotes in a name are kept and shown as they are", async () => {
  const name = `<img src=x onerror=alert(1)> 🔔 "O'Neil" &amp;`;
  const answer = await post(site.app, "/sign-up", { ...NEW, email: "odd@demo.test", name });
  const { text } = await get(site.app, "/account", cookieOf(answer));
  expect(text).toContain("&lt;img src=x onerror=alert(1)&gt; 🔔 &quot;O&#39;Neil&quot; &amp;amp;");
  expect(text).not.toContain("<img src=x");
});

test("two who take one address at once get one account and one refusal", async () => {
  const answers = await Promise.all(
    [1, 2, 3].map(() => post(site.app, "/sign-up", { ...NEW, email: "race@demo.test" })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([303, 422, 422]);
});

test("a field that is sent twice is refused and breaks nothing", async () => {
  const body = new URLSearchParams({ ...NEW, email: "twice@demo.test" });
  body.append("name", "Other");
  const answer = await post(site.app, "/sign-up").send(body.toString());
  expect(answer.status).toBe(422);
  expect(answer.text).toContain("Enter your name.");
});
