import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { changeRole, suspend } from "../../src/accounts/people.ts";
import { enquire } from "../../src/marketplace/enquiries.ts";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { createSite, get, OWN, PASSWORD, post, type Site, signIn } from "../accounts/site.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { atBrowser } from "../journey/people.ts";
import { serve, type TestServer } from "../server.ts";

const FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";

let site: Site;
let server: TestServer;
let ada: string;
beforeAll(async () => {
  site = await createSite();
  server = await serve(site.world);
  ada = await signIn(site.app, site.world.cast.ada);
});
afterAll(async () => {
  await server.close();
  await site.close();
});

const ask = async (path: string) => (await get(site.app, path, ada)).text;
const personsPage = ({ id }: Viewer, query = "") => ask(`/oversight/people/${id}${query}`);
const parts = () => {
  const req = { ip: "203.0.113.7", id: "request-1" } as unknown as Parameters<typeof suspend>[0]["req"];
  return { db: site.db, req, admin: site.world.cast.ada };
};

/** The people of a page of the list, as they are called there. */
async function found(query: Record<string, string>): Promise<string[]> {
  const html = await ask(`/oversight/people?${new URLSearchParams(query)}`);
  const rows = [...html.matchAll(/<tr data-person="\d+">.*?<a [^>]*>([^<]*)<\/a>/gs)];
  return rows.map(([, name = ""]) => name);
}

function plain(html: string): string {
  return html.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
}

/** A section of a person's page in plain words, by its heading's id. */
function section(html: string, title: string): string {
  return plain(new RegExp(`<section [^>]*aria-labelledby="${title}-title".*?</section>`, "s").exec(html)?.[0] ?? "");
}

describe("the list", () => {
  test("finds people by parts of their name, their company and their email address, in any case, and nobody else", async () => {
    await createPerson(site.db, {
      role: "buyer",
      name: "Nora Quist",
      company: "Harbour Steel",
      email: "nq@example.org",
    });
    await createPerson(site.db, { role: "seller", name: "Nora Vale", company: "Hill Timber" });
    expect(await found({ q: "quist" })).toEqual(["Nora Quist"]);
    expect(await found({ q: "HARBOUR" })).toEqual(["Nora Quist"]);
    expect(await found({ q: "@example.o" })).toEqual(["Nora Quist"]);
    expect(await found({ q: "nora" })).toEqual(["Nora Vale", "Nora Quist"]);
    expect(await found({ q: "steel nora" })).toEqual(["Nora Quist"]);
    expect(await found({ q: "nora", role: "seller" })).toEqual(["Nora Vale"]);
    // What stands for anything in a pattern stands for itself.
    for (const q of ["%", "N_ra", "\\"]) expect(await found({ q })).toEqual([]);
  });

  test("filters by status, says what each is and since when, and who has signed in when", async () => {
    const [out, never] = [
      await createPerson(site.db, { role: "buyer", name: "Una Out" }),
      await createPerson(site.db, { role: "seller", name: "Una Never" }),
    ];
    await signIn(site.app, out);
    await suspend(parts(), { userId: out.id, reason: "Not paid" });
    expect(await found({ q: "una", status: "suspended" })).toEqual(["Una Out"]);
    expect(await found({ q: "una", status: "active" })).toEqual(["Una Never"]);
    const html = await ask("/oversight/people?q=una");
    expect(html).toMatch(/2 people/);
    const row = (id: number) => new RegExp(`<tr data-person="${id}">.*?</tr>`, "s").exec(html)?.[0] ?? "";
    expect(plain(row(out.id))).toMatch(/Una Out .* Buyer Suspended .* UTC .* UTC/);
    expect(plain(row(never.id))).toMatch(/Una Never .* Seller Active .* UTC Not in the log/);
    expect(row(out.id)).toContain(`href="/oversight/people/${out.id}"`);
  });

  test("is read in pages, each person once, and keeps the search on the way", async () => {
    for (let n = 0; n < 53; n++) await createPerson(site.db, { role: "buyer", name: `Paged ${n}` });
    const [seen, pages]: [string[], number[]] = [[], []];
    let path: string | undefined = "/oversight/people?q=paged&role=buyer";
    while (path) {
      const html = await ask(path);
      const names = [...html.matchAll(/>(Paged \d+)</g)].map(([, name = ""]) => name);
      pages.push(names.length);
      seen.push(...names);
      expect(html).toContain("53 people");
      path = /rel="next" href="([^"]+)"/.exec(html)?.[1]?.replaceAll("&amp;", "&");
    }
    expect(pages).toEqual([50, 3]);
    expect(seen).toEqual(Array.from({ length: 53 }, (_, n) => `Paged ${52 - n}`));
  });

  test("says so when there is nobody, and leads back", async () => {
    expect(await ask("/oversight/people?q=nobody-is-called-so")).toMatch(/Nobody matches.*href="\/oversight\/people"/s);
    expect(await ask("/oversight/people?before=1")).toMatch(
      /That was everybody.*rel="prev" href="\/oversight\/people"/s,
    );
    const odd = await get(site.app, "/oversight/people?before=x&role=king&status=&q=a&q=b", ada);
    expect([odd.status, odd.text.includes("Nobody matches")]).toEqual([200, false]);
  });

  test("stands among the pages of oversight, and is where one is", async () => {
    expect(await ask("/oversight")).toContain('<a href="/oversight/people">People</a>');
    for (const path of ["/oversight/people", `/oversight/people/${site.world.cast.bea.id}`])
      expect(await ask(path)).toContain('<a href="/oversight/people" aria-current="page">People</a>');
  });
});

describe("a person's page", () => {
  test("says who it is, from which devices they are signed in, and nothing that would let anybody in", async () => {
    const person = await createPerson(site.db, { role: "buyer", name: "Vera Two", company: "Two & Sons" });
    await post(site.app, "/sign-in", { email: person.email, password: PASSWORD }).set("User-Agent", FIREFOX);
    const cookie = await signIn(site.app, person);
    const html = await personsPage(person);
    expect(section(html, "facts")).toMatch(
      new RegExp(`Vera Two .*Two &amp; Sons .*${person.email} .*Buyer .*Active .*Account since .*Last signed in .*UTC`),
    );
    expect(section(html, "sessions")).toMatch(
      /Signed in 2 sessions .*A browser.*Firefox on Windows|Signed in 2 sessions .*Firefox on Windows.*A browser/,
    );
    expect(html).not.toContain(cookie.slice(14, 40));
    const nobody = await personsPage(await createPerson(site.db, { role: "buyer" }));
    expect(section(nobody, "sessions")).toMatch(/Signed in 0 sessions .*signed in nowhere/);
    expect(nobody).not.toContain("/sessions/end");
  });

  test("says what a seller has on the market, and leads there", async () => {
    const { db } = site;
    const [seller, rival] = [await createPerson(db, { role: "seller" }), await createPerson(db, { role: "seller" })];
    const [first] = [await publishedListing(db, seller), await publishedListing(db, seller)];
    const others = await publishedListing(db, rival);
    await withdrawListing(db, seller, first);
    const html = await personsPage(seller);
    expect(section(html, "stock")).toMatch(/Available 1 Reserved 0 Sold 0 Withdrawn 1/);
    expect(html).not.toContain('id="interest-title"');
    expect(html).toContain(`href="/oversight?person=${seller.id}"`);
    const address = `/listings?seller=${seller.id}&amp;status=withdrawn`;
    expect(html).toContain(`href="${address}"`);
    const theirs = await ask(address.replace("&amp;", "&"));
    expect([theirs.includes(`id="card-${first.id}"`), theirs.match(/id="card-/g)?.length]).toEqual([true, 1]);
    expect(await ask(`/listings?seller=${seller.id}`)).not.toContain(`id="card-${others.id}"`);
    // Whose stock it is sorts only the admins' list.
    const beas = await get(site.app, `/listings?seller=${seller.id}`, await signIn(site.app, site.world.cast.bea));
    expect(beas.text).toContain(`id="card-${others.id}"`);
  });

  test("says what a buyer is after, and still does when they sell by now", async () => {
    const { db, world } = site;
    const buyer = await createPerson(db, { role: "buyer" });
    const [kept, asked] = [await publishedListing(db, world.cast.sol), await publishedListing(db, world.cast.sol)];
    await watchListing(db, buyer, kept.id);
    await reserveListing(db, world.cast.sol, kept, { buyerId: buyer.id, hours: 3 });
    const thread = await enquire(db, buyer, asked.id, "Is it dry?");
    for (const role of ["buyer", "seller"] as const) {
      if (role === "seller") await changeRole(parts(), { userId: buyer.id, reason: "Sells now" }, role);
      const html = await personsPage(buyer);
      expect(section(html, "interest")).toMatch(/Watches 1 Reserved for them 1 Enquiries 1 Bought 0/);
      for (const path of [`/listings/${kept.id}`, `/enquiries/${thread}`]) expect(html).toContain(`href="${path}"`);
      expect(html.includes('id="stock-title"')).toBe(role === "seller");
    }
  });

  test("reads the audit log of what was done to them and by them, newest first, in pages, each entry once", async () => {
    const { db } = site;
    const [admin, other] = [
      await createPerson(db, { role: "admin", name: "Max Boss" }),
      await createPerson(db, { role: "buyer", name: "Ole" }),
    ];
    await signIn(site.app, admin);
    const asMax = { ...parts(), admin };
    for (let n = 0; n < 12; n++) {
      await changeRole(asMax, { userId: other.id, reason: `Because ${n}` }, n % 2 ? "buyer" : "seller");
    }
    await suspend(parts(), { userId: admin.id, reason: "Too many changes" });
    await post(site.app, "/sign-in", { email: admin.email, password: PASSWORD });
    const html = await personsPage(admin);
    const log = section(html, "trail");
    expect(log).toMatch(
      /Somebody typed the right password while the account was suspended By somebody who was not signed in · from 127\.0\.0\.1 .*The account was suspended “Too many changes” By Ada Adeyemi · from 203\.0\.113\.7 .*The role was changed to buyer: Ole “Because 11” By Max Boss .*“Because 0” .*Signed in By Max Boss · from 127/,
    );
    const olesLog = section(await personsPage(other), "trail");
    expect([olesLog.match(/“Because/g)?.length, olesLog.includes("Too many changes")]).toEqual([12, false]);
    expect(olesLog).toMatch(/The role was changed to buyer “Because 11” By Max Boss/);
    for (let n = 0; n < 10; n++)
      await changeRole(parts(), { userId: other.id, reason: `Then ${n}` }, n % 2 ? "buyer" : "seller");
    const first = await personsPage(other);
    const next = /rel="next" href="([^"#]+)#trail"/.exec(first)?.[1] ?? "";
    const second = await ask(next);
    expect([first, second].map((page) => page.match(/“(Because|Then) \d+”/g)?.length)).toEqual([20, 2]);
    expect(section(second, "trail")).toMatch(/“Because 1” .*“Because 0”/);
    expect(second).not.toContain('rel="next"');
  });

  test("of somebody who is not there is not there", async () => {
    for (const id of ["987654321", "x", "0"])
      expect((await get(site.app, `/oversight/people/${id}`, ada)).status).toBe(404);
  });
});

test("S-08: buyers and sellers see nothing of it, and strangers are asked who they are", async () => {
  const { cast } = site.world;
  const secret = await createPerson(site.db, { role: "buyer", name: "Secret Person" });
  const paths = ["/oversight/people", "/oversight/people?q=secret", `/oversight/people/${secret.id}`];
  for (const path of paths) {
    expect(await ask(path)).toContain("Secret Person");
    for (const person of [cast.bea, cast.sol]) {
      const { status, text } = await get(site.app, path, await signIn(site.app, person));
      expect([status, text.includes("Secret Person")]).toEqual([403, false]);
    }
    const { status, headers } = await get(site.app, path);
    expect([status, headers.location]).toEqual([303, `/sign-in?next=${encodeURIComponent(path)}`]);
  }
});

test.each([true, false])(
  "S-14: by keyboard, each measure is asked about first, with scripting: %s",
  async (javaScriptEnabled) => {
    const person = await createPerson(site.db, { role: "seller", name: "Kay Board" });
    const { page, problems } = await atBrowser(server.url, site.world.cast.ada, { javaScriptEnabled });
    await page.goto("/oversight/people?q=kay+board");
    await page.locator(`tr[data-person="${person.id}"] a`).press("Enter");
    const button = page.getByRole("button", { name: "Suspend Kay Board" });
    expect(await button.isVisible()).toBe(false);
    await page.locator("summary", { hasText: "Suspend…" }).press("Enter");
    expect(
      await page.locator(".confirm-body p", { hasText: "signed out everywhere within two seconds" }).isVisible(),
    ).toBe(true);
    await page.fill("#suspension-reason", "no");
    await button.press("Enter");
    await page.waitForSelector(".error-summary:focus");
    expect(await page.inputValue("#suspension-reason")).toBe("no");
    expect(await page.locator(`#person[data-status="active"]`).count()).toBe(1);
    await page.locator(".error-summary a").press("Enter");
    await page.locator("#suspension-reason").press("End");
    await page.locator("#suspension-reason").pressSequentially("t paid for three lots");
    await page.getByRole("button", { name: "Suspend Kay Board" }).press("Enter");
    await page.waitForSelector(`#person[data-status="suspended"]`);
    expect((await page.locator(":focus").innerText()).trim()).toMatch(/^Kay Board is suspended/);
    expect(await page.locator("#trail").innerText()).toContain("“not paid for three lots”");
    await page.locator("summary", { hasText: "Reinstate…" }).press("Enter");
    await page.fill("#reinstatement-reason", "Paid since");
    await page.getByRole("button", { name: "Reinstate Kay Board" }).press("Enter");
    await page.waitForSelector(`#person[data-status="active"]`);
    await page.locator("summary", { hasText: "Change the role…" }).press("Enter");
    await page.locator("#role-role").press("Space");
    await page.fill("#role-reason", "Buys from now on");
    await page.getByRole("button", { name: "Change the role of Kay Board" }).press("Enter");
    await page.waitForSelector(`#person[data-role="buyer"]`);
    expect(problems.filter((problem) => !/422/.test(problem))).toEqual([]);
  },
);

test("an admin's own page says why nothing can be done there, and nothing can be", async () => {
  const { cast } = site.world;
  const html = await personsPage(cast.ada);
  expect(section(html, "measures")).toContain("This is your own account.");
  expect(html).not.toMatch(/action="\/oversight\/people/);
  expect(await personsPage(cast.bea)).toMatch(/action="\/oversight\/people/);
  for (const measure of ["suspension", "reinstatement", "role", "sessions/end"]) {
    const fields = { reason: "To see", role: "buyer" };
    const { status, text } = await post(site.app, `/oversight/people/${cast.ada.id}/${measure}`, fields, ada, OWN);
    expect([status, text.includes("You cannot do this to your own account.")]).toEqual([409, true]);
  }
  expect((await get(site.app, "/oversight/people", ada)).status).toBe(200);
});
