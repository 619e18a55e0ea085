import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { Access } from "../src/access.ts";
import { reserveListing } from "../src/marketplace/reservations.ts";
import { watchListing } from "../src/marketplace/watches.ts";
import { signIn } from "./accounts/site.ts";
import { ACTORS, type Actor, routesOf, rowsOf, table, type Verdict } from "./accounts/table.ts";
import { type Answer, createVisitors, type Visitors } from "./accounts/visitors.ts";
import { createPerson, publishedListing } from "./cast.ts";
import { serve } from "./server.ts";
import { named, type ReceivedEvent } from "./sse.ts";

let visitors: Visitors;
beforeAll(async () => {
  visitors = await createVisitors();
});
afterAll(() => visitors.close());

test("S-08: every route says who may use it, and stands in the table", () => {
  const routes = routesOf(visitors.site.app);
  expect(routes.filter(({ access }) => access === null).map(({ name }) => name)).toEqual([]);
  expect(routes.map(({ name }) => name).sort()).toEqual(Object.keys(table).sort());
});

test("S-08: every route that names an object stands there also with one that does not exist", () => {
  const naming = Object.keys(table).filter((name) => /:(?!version)/.test(name));
  expect(naming.length).toBeGreaterThan(10);
  for (const name of naming) expect(table[name], name).toMatchObject({ nothing: expect.any(String) });
});

test("S-08: the table turns away exactly the roles that a route's declaration leaves out", () => {
  for (const { name, access } of routesOf(visitors.site.app)) {
    const open = ACTORS.map((actor) => mayUse(actor, access ?? []));
    for (const [object, verdicts] of rowsOf(name)) {
      const letIn = verdicts.map((verdict) => verdict === "yes" || verdict === "404");
      expect(letIn, `${name} ${object}`).toEqual(open);
    }
  }
});

test.each(Object.keys(table))("S-08: %s gives each of the cast what the table says", async (name) => {
  for (const [object, verdicts] of rowsOf(name)) {
    const got: Verdict[] = [];
    for (const actor of ACTORS) {
      const answer = await visitors.ask(name, object, actor);
      got.push(verdictOf(answer));
      if (object !== "nothing" && got.at(-1) === "404") await expectLikeMissing(name, actor, answer);
    }
    expect(got.join(" "), `${object}: ${ACTORS.join(" ")}`).toBe(verdicts.join(" "));
  }
});

test("S-08: what is somebody else's takes no longer to be refused than what is not there", async () => {
  const routes = [
    ["GET /listings/:id", "withdrawn", "bea"],
    ["GET /enquiries/:id", "thread", "otto"],
    ["GET /listings/:id/edit", "listing", "rita"],
  ] as const;
  for (const [name, object, actor] of routes) {
    const took: Record<string, number[]> = { theirs: [], nothing: [] };
    for (let time = 0; time < 30; time++) {
      for (const [kind, asked] of [
        ["theirs", object],
        ["nothing", "nothing"],
      ] as const) {
        const began = performance.now();
        await visitors.ask(name, asked, actor);
        took[kind]?.push(performance.now() - began);
      }
    }
    const [theirs = 0, nothing = 0] = Object.values(took).map(median);
    // In turns, so that both had the same machine: a tenth of a network's own trembling at the most.
    expect({ name, theirs: theirs < nothing * 1.5 + 2 }).toEqual({ name, theirs: true });
  }
});

function median(values: number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}

test("S-08: of notifications everybody knows their own numbers only", async () => {
  const { site, people, send } = visitors;
  const [told, untold] = [
    await createPerson(site.db, { role: "buyer" }),
    await createPerson(site.db, { role: "buyer" }),
  ];
  const listing = await publishedListing(site.db, people.sol);
  await reserveListing(site.db, people.sol, listing, { buyerId: told.id, hours: 2 });
  await site.world.drain();
  for (const action of ["read", "unread"]) {
    expect((await send("POST", `/notifications/1/${action}`, await signIn(site.app, told))).status).toBe(303);
    expect((await send("POST", `/notifications/1/${action}`, await signIn(site.app, untold))).status).toBe(404);
  }
});

test("S-08: a stream tells the session's person what is theirs, whomever the address names", async () => {
  const { site, people, newCookie } = visitors;
  const { bea, otto, sol } = people;
  const served = await serve(site.world);
  onTestFinished(() => served.close());
  const beas = await served.stream(await newCookie("bea"));
  const query = new URLSearchParams({
    user: `${bea.id}`,
    userId: `${bea.id}`,
    channel: `user:${bea.id}`,
    role: "admin",
  });
  const ottos = await served.stream(await newCookie("otto"), `?${query}`);
  const listing = await publishedListing(site.db, sol);
  await watchListing(site.db, otto, listing.id);
  await reserveListing(site.db, sol, listing, { buyerId: bea.id, hours: 2 });
  await site.world.drain();
  const forBea = ({ event, data }: ReceivedEvent) => event === "toast" && data.includes("for you");
  await beas.next(forBea);
  await ottos.next(named("toast"));
  expect(ottos.events.filter((event) => event.event === "oversight" || forBea(event))).toEqual([]);
  expect(ottos.seqs()).toHaveLength(1);
});

function mayUse(actor: Actor, access: Access[]): boolean {
  if (access.includes("anyone")) return true;
  if (actor === "anonymous" || actor === "suspended") return false;
  return access.includes("signed-in") || access.includes(visitors.people[actor].role);
}

function verdictOf({ status, headers }: Answer): Verdict {
  if (status === 401 || headers.location?.startsWith("/sign-in")) return "in";
  if (status === 403) return "no";
  if (status === 404) return "404";
  expect([200, 204, 303, 409, 422]).toContain(status);
  return "yes";
}

/** What is somebody else's is answered, to the letter, like what is not there. */
async function expectLikeMissing(name: string, actor: Actor, answer: Answer): Promise<void> {
  const missing = await visitors.ask(name, "nothing", actor);
  const withoutTimes = (html: string) => html.replaceAll(/data-at="[^"]*"/g, "");
  expect(withoutTimes(answer.body), `${name} ${actor}`).toBe(withoutTimes(missing.body));
  expect(Object.keys(answer.headers), `${name} ${actor}`).toEqual(Object.keys(missing.headers));
}
