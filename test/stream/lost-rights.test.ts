import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import type { Role } from "../../src/db.ts";
import { enquire } from "../../src/marketplace/enquiries.ts";
import { reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { endStreams } from "../../src/notifications/announce.ts";
import { readAfter } from "../../src/notifications/inbox.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { serve, type TestServer } from "../server.ts";
import { named } from "../sse.ts";
import { createWorld, type World } from "../world.ts";

const TITLE = "Osmium powder";
const WITHHELD = "An update that you can no longer see";

let world: World;
let server: TestServer;
let bea: Viewer;

beforeAll(async () => {
  world = await createWorld();
  server = await serve(world);
});
afterAll(async () => {
  await server.close();
  await world.close();
});
beforeEach(async () => {
  bea = await createPerson(world.db, { role: "buyer" });
  await tellOf(TITLE, bea);
});

/** Something happens to a listing that these people watch. */
async function tellOf(title: string, ...watchers: Viewer[]): Promise<void> {
  const { db, cast } = world;
  const listing = await publishedListing(db, cast.sol, { title });
  for (const person of watchers) await watchListing(db, person, listing.id);
  await reserveListing(db, cast.sol, listing, { buyerId: cast.bea.id, hours: 1 });
  await world.drain();
}

async function get(cookie: string, path: string): Promise<string> {
  return (await fetch(server.url + path, { headers: { Cookie: cookie } })).text();
}

describe("U-21: somebody who has another role by now", () => {
  const become = (person: Viewer, role: Role) =>
    world.db.updateTable("users").set({ role }).where("id", "=", person.id).execute();

  test.each(["seller", "admin"] as const)(
    "as %s is not shown what they were told as a buyer, and is again as one",
    async (role) => {
      await become(bea, role);
      const shown = await get(await server.signIn(bea), "/notifications");
      expect(shown.match(new RegExp(`"inbox-link"[^>]*>${WITHHELD}`, "g"))).toHaveLength(1);
      expect(shown).not.toContain(TITLE);
      await become(bea, "buyer");
      expect(await get(await server.signIn(bea), "/notifications")).toContain(TITLE);
    },
  );

  test("as a buyer is not shown what buyers wrote to them as a seller", async () => {
    const seller = await createPerson(world.db, { role: "seller" });
    const own = await publishedListing(world.db, seller, { title: "Iridium" });
    await enquire(world.db, bea, own.id, "Do you deliver to Riga?");
    await world.drain();
    expect(await get(await server.signIn(seller), "/notifications")).toContain("Riga");
    await become(seller, "buyer");
    const cookie = await server.signIn(seller);
    for (const path of ["/notifications", "/stream/fallback?after=0"]) {
      const shown = await get(cookie, path);
      expect(shown).toContain(WITHHELD);
      for (const word of ["Riga", "Iridium", bea.name]) expect(shown).not.toContain(word);
    }
  });
});

test("U-21: somebody suspended is shown nothing in any way, and never told of what happens meanwhile", async () => {
  const { db, bus } = world;
  const other = await createPerson(db, { role: "buyer" });
  const [cookie, witness] = [await server.signIn(bea), await server.stream(await server.signIn(other))];
  const live = await server.stream(cookie, "?lastEventId=0");
  await live.next(named("heartbeat"));
  expect(JSON.stringify(live.events)).toContain(TITLE);
  await db.updateTable("users").set({ status: "suspended" }).where("id", "=", bea.id).execute();
  const began = Date.now();
  await endStreams(bus, { userId: bea.id, reason: "suspended" });
  await live.ended;
  expect(Date.now() - began).toBeLessThan(2000);
  const told = live.events.length;
  await tellOf("Told meanwhile", bea, other);
  await witness.next(({ event, data }) => event === "toast" && data.includes("Told meanwhile"));
  expect(live.events).toHaveLength(told);
  expect(await statuses(cookie)).toEqual([303, 401, 401, 401]);
  expect((await readAfter(db, bea.id, 0, 9)).map(({ seq, withheld }) => [seq, withheld])).toEqual([[1, true]]);
  await db.updateTable("users").set({ status: "active" }).where("id", "=", bea.id).execute();
  const inbox = await get(await server.signIn(bea), "/notifications");
  expect(inbox.match(/<li class="inbox-row"/g)).toHaveLength(1);
  expect(inbox).toContain(TITLE);
  witness.close();
});

async function statuses(cookie: string): Promise<number[]> {
  const ask = (path: string, headers = {}) =>
    fetch(server.url + path, { headers: { Cookie: cookie, ...headers }, redirect: "manual" });
  const answers = [
    await ask("/notifications"),
    await ask("/notifications", { "HX-Request": "true" }),
    await ask("/stream?lastEventId=0"),
    await ask("/stream/fallback?after=0"),
  ];
  const read = await Promise.all(answers.map((answer) => answer.text()));
  expect(read.join("")).not.toContain(TITLE);
  return answers.map(({ status }) => status);
}
