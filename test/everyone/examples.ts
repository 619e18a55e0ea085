import type { Role } from "../../src/db.ts";
import type { EventData, EventKind, EventRow } from "../../src/events/catalogue.ts";
import { type Kind, kinds } from "../../src/notifications/kinds.ts";
import { type Reason, reasons } from "../../src/notifications/reasons.ts";
import { rowFor } from "../../src/notifications/rows.ts";
import { render } from "../../src/views.ts";

/** Who does it, and to what. */
export type Names = { company: string; person: string; title: string };

export const AT = new Date("2026-03-01T10:00:00Z");
export const NAMES: Names = { company: "Serrano Metals", person: "Sol Serrano", title: "Copper cathode" };

/** What the clock does has nobody who did it. */
export const BY_THE_CLOCK: EventKind[] = ["reservation_ending", "reservation_expired"];
export const TALK: EventKind[] = ["enquiry_received", "enquiry_replied"];

/** Every kind with every reason for which somebody hears of it. */
export const told = (Object.keys(kinds) as EventKind[]).flatMap((kind) =>
  (kinds[kind] as Kind<EventKind>).audience.map((reason): [EventKind, Role, Reason] => [
    kind,
    reasons[reason].role,
    reason,
  ]),
);

/** The toast of a kind as somebody gets it who is told for this reason. */
export function toastOf(kind: EventKind, reason: Reason, names = NAMES, seq = 9): string {
  const ids = {
    id: 7,
    actorId: 2,
    listingId: kind === "announcement" ? null : 1,
    enquiryId: TALK.includes(kind) ? 4 : null,
    deliveredAt: null,
  };
  const event = { ...ids, kind, data: factsOf(names)[kind], occurredAt: AT } as EventRow;
  const logged = { ...event, actorCompany: BY_THE_CLOCK.includes(kind) ? null : names.company, deliveredAt: null };
  const notice = { seq, reason, quiet: false, event: logged, readAt: null, archivedAt: null };
  return render("notifications/toast", "en-GB", rowFor(notice as Parameters<typeof rowFor>[0], "en-GB"));
}

/** The facts of an event of every kind: the compiler asks for each. */
function factsOf({ title, person }: Names): EventData {
  const about = { title, sellerId: 2, version: 1, buyerId: 3 };
  const until = AT.toISOString();
  const price = { priceMinor: 862_000, currency: "EUR" };
  const edits = { price: { from: 862_000, to: 850_000 }, quantity: { from: 40, to: 30 } };
  return {
    listing_published: { ...about, ...price },
    listing_updated: { ...about, edits, currency: "EUR", unit: "t", reservedFor: null },
    listing_reserved: { ...about, until },
    reservation_extended: { ...about, hours: 24, until },
    reservation_ending: { ...about, until },
    listing_released: about,
    reservation_expired: about,
    listing_sold: about,
    listing_withdrawn: about,
    listing_relisted: { ...about, ...price },
    enquiry_received: { ...about, buyerName: person, excerpt: "Could you deliver 25 t?" },
    enquiry_replied: { ...about, authorName: person, excerpt: "Yes, within two days." },
    announcement: { title, text: "From eight to nine in the evening nothing can be published.", to: "everybody" },
  };
}
