import { expect, test } from "vitest";
import type { Role } from "../../src/db.ts";
import type { EventData, EventKind, EventRow } from "../../src/events/catalogue.ts";
import { happenedIn, interrupting, type Kind, kinds, urgent } from "../../src/notifications/kinds.ts";
import { type Reason, reasons, reasonsFor } from "../../src/notifications/reasons.ts";
import { rowFor } from "../../src/notifications/rows.ts";
import { render } from "../../src/views.ts";

const TITLE = "Copper cathode";
const AT = new Date("2026-03-01T10:00:00Z");
const about = { title: TITLE, sellerId: 2, version: 1 };
const buyerId = 3;

/** An event of every kind: the compiler asks for each. */
const examples: EventData = {
  listing_published: { ...about, priceMinor: 862_000, currency: "EUR" },
  listing_updated: {
    ...about,
    edits: { price: { from: 862_000, to: 850_000 }, quantity: { from: 40, to: 30 } },
    ...{ currency: "EUR", unit: "t", reservedFor: null },
  },
  listing_reserved: { ...about, buyerId, until: AT.toISOString() },
  reservation_extended: { ...about, buyerId, hours: 24, until: AT.toISOString() },
  reservation_ending: { ...about, buyerId, until: AT.toISOString() },
  listing_released: { ...about, buyerId },
  reservation_expired: { ...about, buyerId },
  listing_sold: { ...about, buyerId },
  listing_withdrawn: { ...about, buyerId },
  listing_relisted: { ...about, priceMinor: 862_000, currency: "EUR" },
  enquiry_received: { ...about, buyerId, buyerName: "Bea Brandt", excerpt: "Could you deliver 25 t?" },
  enquiry_replied: { ...about, buyerId, authorName: "Sol Serrano", excerpt: "Yes, within two days." },
};

/** What the clock does has nobody who did it. */
const BY_THE_CLOCK: EventKind[] = ["reservation_ending", "reservation_expired"];
const TALK: EventKind[] = ["enquiry_received", "enquiry_replied"];

const told = (Object.keys(kinds) as EventKind[]).flatMap((kind) =>
  (kinds[kind] as Kind<EventKind>).audience.map((reason): [EventKind, Role, Reason] => [
    kind,
    reasons[reason].role,
    reason,
  ]),
);

/** The toast of a kind as somebody gets it who is told for this reason. */
function toastOf(kind: EventKind, reason: Reason): string {
  const ids = { id: 7, actorId: 2, listingId: 1, enquiryId: TALK.includes(kind) ? 4 : null, deliveredAt: null };
  const event = { ...ids, kind, data: examples[kind], occurredAt: AT } as EventRow;
  const actorCompany = BY_THE_CLOCK.includes(kind) ? null : "Serrano Metals";
  const logged = { ...event, actorCompany, deliveredAt: null } as Parameters<typeof rowFor>[0]["event"];
  const notice = { seq: 9, reason, quiet: false, event: logged, readAt: null, archivedAt: null };
  return render("notifications/toast", "en-GB", rowFor(notice, "en-GB"));
}

test("U-11: every kind that anybody hears of is tried here, for every role and reason", () => {
  expect(new Set(told.map(([kind]) => kind)).size).toBe(Object.keys(kinds).length - 1);
  expect(kinds.listing_published.audience).toEqual([]);
  for (const [, role, reason] of told) expect(reasonsFor(role)).toContain(reason);
});

test.each(told)(
  "U-11: %s to a %s (%s): who did what to which thing and when, and all of it leads there",
  (kind, _role, reason) => {
    const html = toastOf(kind, reason);
    const [, link = "", inside = ""] = /<a class="toast-link" href="([^"]+)"[^>]*>(.*)<\/a>/s.exec(html) ?? [];
    expect(link).toBe(TALK.includes(kind) ? "/enquiries/4" : "/listings/1");
    const [, headline = ""] = /<span class="toast-text">([^<]+)<\/span>/.exec(inside) ?? [];
    const who = BY_THE_CLOCK.includes(kind) ? /^(Your|The) reservation/ : /^(Serrano Metals|Sol Serrano|Bea Brandt) /;
    expect(headline).toMatch(who);
    expect(headline).toContain(TITLE);
    expect(headline).not.toMatch(/_|\bundefined\b|\bnull\b|[.!]$/);
    expect(inside).toContain(`<time class="toast-time" datetime="${AT.toISOString()}" data-relative>`);
    expect(html.match(/<a /g)).toHaveLength(1);
  },
);

test.each(told)("U-01: %s to a %s (%s) waits its turn to be read out", (kind, _role, reason) => {
  const html = toastOf(kind, reason);
  expect(html).not.toMatch(/assertive|role="alert"|#alerts/);
  expect(html.includes("data-keep")).toBe(urgent.includes(kind));
});

test("U-01: what may interrupt is a short list, and stays until it is dismissed", () => {
  expect(interrupting).toEqual([]);
  expect(urgent).toEqual(["reservation_ending"]);
});

test("the log says what happened in words of its own for every kind, in words that people use", () => {
  const words = Object.keys(examples).map((kind) => happenedIn(kind as EventKind));
  expect(new Set(words).size).toBe(words.length);
  for (const word of words) expect(word).toMatch(/^[A-Z][a-z ]+$/);
});
