import { afterAll, beforeAll, expect, test } from "vitest";
import type { Viewer } from "../../src/access.ts";
import { enquire } from "../../src/marketplace/enquiries.ts";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { releaseListing, reserveListing } from "../../src/marketplace/reservations.ts";
import { watchListing } from "../../src/marketplace/watches.ts";
import { chooseShown } from "../../src/notifications/preferences.ts";
import { createSite, get, type Site, signIn } from "../accounts/site.ts";
import { createPerson, publishedListing } from "../cast.ts";
import { announced, rowOf } from "./announcing.ts";

let site: Site;
let ada: string;
let listing: ListingView;
let people: Record<"muted" | "off" | "suspended" | "demoted" | "late", Viewer>;
/** The reservation of a listing of Sol's for Bea. */
let eventId: number;

// Bea asked, Otto watches; the others watch as well, and each is not told for a reason of their own.
beforeAll(async () => {
  site = await createSite();
  const { db, world } = site;
  const { sol, bea, otto } = world.cast;
  ada = await signIn(site.app, world.cast.ada);
  listing = await publishedListing(db, sol);
  const names = ["muted", "off", "suspended", "demoted", "late"] as const;
  const made = names.map(async (name) => [name, await createPerson(db, { role: "buyer", name: `The ${name} one` })]);
  people = Object.fromEntries(await Promise.all(made));
  await enquire(db, bea, listing.id, "How soon?");
  for (const one of [otto, people.muted, people.off, people.suspended, people.demoted]) {
    await watchListing(db, one, listing.id);
  }
  await db.insertInto("mutes").values({ user_id: people.muted.id, listing_id: listing.id }).execute();
  await chooseShown(db, people.off.id, "listing_reserved", "off");
  await db.updateTable("users").set({ status: "suspended" }).where("id", "=", people.suspended.id).execute();
  await db.updateTable("users").set({ role: "seller" }).where("id", "=", people.demoted.id).execute();
  await world.drain();
  await reserveListing(db, sol, await present(), { buyerId: bea.id, hours: 2 });
  eventId = await lastEvent();
  await world.drain();
  await watchListing(db, people.late, listing.id);
});
afterAll(() => site.close());

async function present(): Promise<ListingView> {
  const [found] = await findListings(site.db, [listing.id]);
  return found as ListingView;
}

async function lastEvent(): Promise<number> {
  const { id } = await site.db
    .selectFrom("events")
    .select("id")
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirstOrThrow();
  return id;
}

function plain(html: string): string {
  return html.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
}

/** Each row of a part of the page in words, by the person's id. */
function rows(html: string, part: "told" | "untold"): Map<number, string> {
  const found = html.matchAll(new RegExp(`data-${part}="(\\d+)"(.*?)</(?:tr|li)>`, "gs"));
  return new Map([...found].map(([, id, inner = ""]) => [Number(id), plain(inner)]));
}

/** What the page says when it is asked about somebody. */
async function explained(person: string | number, event = eventId): Promise<string> {
  const { text } = await get(site.app, `/oversight/events/${event}?person=${encodeURIComponent(person)}`, ada);
  return plain(/id="explanation">(.*?)<\/div><\/div>/s.exec(text)?.[1] ?? "").trim();
}

test("an event's page says who was told, for which reason and with which number, and nobody else", async () => {
  const { bea, otto } = site.world.cast;
  const { text, status } = await get(site.app, `/oversight/events/${eventId}`, ada);
  expect(status).toBe(200);
  const told = rows(text, "told");
  expect([...told.keys()]).toEqual([bea.id, otto.id]);
  expect(told.get(bea.id)).toMatch(/Bea Brandt Brandt Bau It is reserved for them 1 Not yet/);
  expect(told.get(otto.id)).toMatch(/They watch it 1 Not yet/);
});

test("it says who was not told and why not, and nobody who was", async () => {
  const { sol } = site.world.cast;
  const { text } = await get(site.app, `/oversight/events/${eventId}`, ada);
  const untold = rows(text, "untold");
  expect([...untold.keys()].sort()).toEqual(
    [sol, people.muted, people.off, people.suspended, people.demoted].map(({ id }) => id).sort(),
  );
  expect(untold.get(sol.id)).toContain("their own doing");
  expect(untold.get(people.muted.id)).toContain("They watch it. They have muted this listing.");
  expect(untold.get(people.off.id)).toContain("switched this kind of news off");
  expect(untold.get(people.suspended.id)).toContain("account was suspended");
  expect(untold.get(people.demoted.id)).toContain("another role");
});

test("asked about one person it explains why they were told, or why not", async () => {
  const { bea, rita, sol, ada: admin } = site.world.cast;
  expect(await explained(bea.email)).toMatch(/^Bea Brandt Told: it is reserved for them. With a toast, number 1/);
  expect(await explained(people.muted.id)).toContain("It concerned them: they watch it. They have muted this listing.");
  expect(await explained(people.late.id)).toContain("only after it had happened");
  expect(await explained(rita.id)).toMatch(/another seller.*s listing: sellers hear of their own only/);
  expect(await explained(sol.id)).toContain("their own doing");
  expect(await explained(admin.id)).toContain("Admins see everything here");
  const stranger = await createPerson(site.db, { role: "buyer" });
  expect(await explained(stranger.id)).toContain("neither watched it");
  const published = await site.db.selectFrom("events").select("id").orderBy("id").limit(1).executeTakeFirstOrThrow();
  expect(await explained(stranger.id, published.id)).toContain("Buyers are told of nothing of this kind.");
});

test("an announcement concerns nobody of another role: only the suspended of its own are kept as not told", async () => {
  const { ada: admin, rita, bea } = site.world.cast;
  const away = await createPerson(site.db, { role: "seller" });
  await site.db.updateTable("users").set({ status: "suspended" }).where("id", "=", away.id).execute();
  await createPerson(site.db, { role: "seller" });
  const id = await announced(site.db, admin, { to: "seller" });
  await site.world.drain();
  const { event_id: event } = await rowOf(site.db, id);
  const { text } = await get(site.app, `/oversight/events/${event}`, ada);
  expect([...rows(text, "told").keys()]).toContain(rita.id);
  expect(new Set(rows(text, "untold").keys())).toEqual(new Set([admin.id, away.id]));
  expect(await explained(rita.id, event)).toContain("Told: it is for all sellers.");
  expect(await explained(away.id, event)).toContain("Their account was suspended.");
  expect(await explained(bea.id, event)).toContain("It was announced to sellers only.");
});

test("an announcement whose batches are under way is not said to be stored at once, nor to have left out who waits", async () => {
  const { ada: admin, rita, sol } = site.world.cast;
  const late = await createPerson(site.db, { role: "seller" });
  const id = await announced(site.db, admin, { to: "seller" });
  const { event_id: event } = await rowOf(site.db, id);
  const page = async () => plain((await get(site.app, `/oversight/events/${event}`, ada)).text);
  expect(await page()).toContain("Nobody has been told of it so far.");
  expect(await explained(rita.id, event)).toContain("their turn has not come yet");
  await site.db
    .updateTable("announcements")
    .set({ state: "stopped", sent_up_to: sol.id })
    .where("id", "=", id)
    .execute();
  expect(await explained(late.id, event)).toContain("it was stopped before their turn");
  await site.db.updateTable("announcements").set({ state: "sending", sent_up_to: 0 }).where("id", "=", id).execute();
  await site.world.drain();
  expect(await explained(late.id, event)).toContain("Told: it is for all sellers.");
  expect(await page()).toContain("In batches, each in one transaction");
  expect(await page()).not.toContain("Each got their next number, in one transaction.");
});

test("what has not been delivered yet is said to be so", async () => {
  const { sol, otto } = site.world.cast;
  await releaseListing(site.db, sol, await present());
  const id = await lastEvent();
  expect(await explained(otto.id, id)).toContain("It has not been delivered yet");
  await site.world.drain();
  expect(await explained(otto.id, id)).toContain("Told: they watch it.");
});

test("it says when it was sent and what its reader did with it", async () => {
  const { otto } = site.world.cast;
  const told = async () => rows((await get(site.app, `/oversight/events/${eventId}`, ada)).text, "told").get(otto.id);
  await site.db.updateTable("inboxes").set({ delivered_seq: 1, seen_seq: 1 }).where("user_id", "=", otto.id).execute();
  expect(await told()).toMatch(/1 Yes – Seen/);
  await site.db
    .updateTable("notifications")
    .set({ read_at: new Date() })
    .where("recipient_id", "=", otto.id)
    .where("seq", "=", 1)
    .execute();
  expect(await told()).toMatch(/1 Yes – Read/);
});

test("thousands who were told are pages of fifty", async () => {
  const { db, world } = site;
  const other = await publishedListing(db, world.cast.rita);
  const crowd = await Promise.all(Array.from({ length: 60 }, () => createPerson(db, { role: "buyer" })));
  for (const one of crowd) await watchListing(db, one, other.id);
  await reserveListing(db, world.cast.rita, other, { buyerId: world.cast.bea.id, hours: 1 });
  const id = await lastEvent();
  await world.drain();
  const first = (await get(site.app, `/oversight/events/${id}`, ada)).text;
  const next = /rel="next" href="([^"]+)"/.exec(first)?.[1] ?? "";
  const second = (await get(site.app, next, ada)).text;
  const shown = [...rows(first, "told").keys(), ...rows(second, "told").keys()];
  expect(shown).toEqual([world.cast.bea.id, ...crowd.map(({ id }) => id)].sort((a, b) => a - b));
  expect(first).toMatch(/Told <span class="count">61</);
});

test("asked about nobody who could be, it says so or answers nothing, and is no error", async () => {
  const asked = async (person: string) => {
    const { status, text } = await get(site.app, `/oversight/events/${eventId}?person=${person}`, ada);
    return [status, text.includes("Nobody is called that."), text.includes('id="explanation"')];
  };
  expect(await asked("zanzibar")).toEqual([200, true, false]);
  expect(await asked("%00")).toEqual([200, false, false]);
  expect(await asked("zan%00zibar")).toEqual([200, true, false]);
  expect(await asked("z".repeat(300))).toEqual([200, true, false]);
});

test("there is no page for an event that there is not, nor for anybody but admins", async () => {
  expect((await get(site.app, "/oversight/events/999999", ada)).status).toBe(404);
  const sol = await signIn(site.app, site.world.cast.sol);
  expect((await get(site.app, `/oversight/events/${eventId}`, sol)).status).toBe(403);
});
