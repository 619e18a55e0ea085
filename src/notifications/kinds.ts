import type { Role } from "../db.ts";
import type { EventData, EventKind, EventRow } from "../events/catalogue.ts";
import { excerptOf } from "../excerpt.ts";
import { type Reason, reasons, reasonsFor } from "./reasons.ts";

/** What a notification offers its reader: a listing that can be had, or one that is kept for them. */
export type Offer = "open" | "yours";

/** How amounts are written for one reader: see views.ts. */
export type Amounts = { money(minor: number, currency: string): string; number(value: number): string };

type Told<K extends EventKind> = { data: EventData[K]; reason: Reason; who: string; amounts: Amounts };

export type Kind<K extends EventKind> = {
  /** All of the kind, in the words of the preferences. */
  label: string;
  /** What happened, in the words of the log: one of the kind, whoever reads it. */
  happened: string;
  /** Who hears of it, by reason; the actor never does. */
  audience: readonly Reason[];
  /** The buyer that the first two reasons are about. */
  buyer?: (data: EventData[K]) => number | null;
  /** One sentence: who did what to which thing. Never who a buyer is to anybody but the seller. */
  headline: (told: Told<K>) => string;
  /** A second line, where there is more to say. */
  detail?: (told: Told<K>) => string;
  /** What it offers to whoever is told for this reason, if anything: see standing.ts. */
  offer: (reason: Reason) => Offer | null;
};

const nothing = () => null;
/** A seller is offered nothing, nor is the buyer who has just lost it. */
const toOthers = (reason: Reason) => (reason === "your_enquiry" || reason === "watching" ? "open" : null);
const toOneOrOthers = (reason: Reason) => (reason === "reserved_for_you" ? "yours" : toOthers(reason));
const toOneOnly = (reason: Reason) => (reason === "reserved_for_you" ? "yours" : null);

/** Every kind there is: the compiler refuses an event without its entry here. */
export const kinds = {
  listing_published: {
    label: "New listings",
    happened: "Published",
    audience: [],
    headline: ({ data, who }) => `${who} published ${data.title}`,
    offer: (reason) => (reasons[reason].role === "buyer" ? "open" : null),
  },
  listing_updated: {
    label: "Changes of price, quantity or description",
    happened: "Edited",
    audience: ["reserved_for_you", "your_listing", "your_enquiry", "watching"],
    buyer: (data) => data.reservedFor,
    headline: ({ data, who }) => `${who} ${edited(data)}`,
    detail: (told) => capital(changes(told).join(", ")),
    offer: toOneOrOthers,
  },
  listing_reserved: {
    label: "Reservations",
    happened: "Reserved",
    audience: ["reserved_for_you", "your_listing", "your_enquiry", "watching"],
    buyer: (data) => data.buyerId,
    headline: ({ data, reason, who }) =>
      reason === "reserved_for_you" ? `${who} reserved ${data.title} for you` : `${who} reserved ${data.title}`,
    offer: toOneOnly,
  },
  reservation_extended: {
    label: "Reservations extended",
    happened: "Reservation extended",
    audience: ["reserved_for_you", "your_listing"],
    buyer: (data) => data.buyerId,
    headline: ({ data, reason, who }) => `${who} extended ${reservationOf(data.title, reason)}`,
    detail: ({ data, amounts }) => `By ${amounts.number(data.hours)} ${data.hours === 1 ? "hour" : "hours"}`,
    offer: toOneOnly,
  },
  reservation_ending: {
    label: "Reservations about to run out",
    happened: "Reservation about to run out",
    audience: ["reserved_for_you", "your_listing"],
    buyer: (data) => data.buyerId,
    headline: ({ data, reason }) => `${capital(reservationOf(data.title, reason))} runs out soon`,
    offer: toOneOnly,
  },
  listing_released: {
    label: "Reservations released early",
    happened: "Reservation released",
    audience: ["your_reservation", "your_listing", "your_enquiry", "watching"],
    buyer: (data) => data.buyerId,
    headline: ({ data, reason, who }) =>
      reason === "your_reservation"
        ? `${who} released your reservation of ${data.title}`
        : `${who} made ${data.title} available again`,
    offer: toOthers,
  },
  reservation_expired: {
    label: "Reservations that ran out",
    happened: "Reservation ran out",
    audience: ["your_reservation", "your_listing", "your_enquiry", "watching"],
    buyer: (data) => data.buyerId,
    headline: ({ data, reason }) =>
      `${reason === "your_reservation" ? "Your" : "The"} reservation of ${data.title} ran out`,
    detail: ({ reason }) => (reason === "your_reservation" ? "" : "It is available again"),
    offer: toOthers,
  },
  listing_sold: {
    label: "Sales",
    happened: "Sold",
    audience: ["reserved_for_you", "your_listing", "your_enquiry", "watching"],
    buyer: (data) => data.buyerId,
    headline: ({ data, reason, who }) =>
      reason === "reserved_for_you" ? `${who} sold ${data.title} to you` : `${who} sold ${data.title}`,
    offer: nothing,
  },
  listing_withdrawn: {
    label: "Listings withdrawn",
    happened: "Withdrawn",
    audience: ["your_reservation", "your_listing", "your_enquiry", "watching"],
    buyer: (data) => data.buyerId,
    headline: ({ data, who }) => `${who} withdrew ${data.title}`,
    offer: nothing,
  },
  listing_relisted: {
    label: "Listings offered again",
    happened: "Offered again",
    audience: ["your_listing", "your_enquiry", "watching"],
    headline: ({ data, who }) => `${who} made ${data.title} available again`,
    detail: ({ data, amounts }) => amounts.money(data.priceMinor, data.currency),
    offer: toOthers,
  },
  enquiry_received: {
    label: "New enquiries",
    happened: "Enquiry",
    audience: ["your_listing"],
    headline: ({ data }) => `${data.buyerName} asks about ${data.title}`,
    detail: ({ data }) => data.excerpt,
    offer: nothing,
  },
  enquiry_replied: {
    label: "Replies to enquiries",
    happened: "Reply",
    audience: ["your_listing", "your_enquiry"],
    buyer: (data) => data.buyerId,
    headline: ({ data }) => `${data.authorName} replied about ${data.title}`,
    detail: ({ data }) => data.excerpt,
    offer: nothing,
  },
  announcement: {
    label: "Announcements",
    happened: "Announced",
    audience: ["announced_to_buyers", "announced_to_sellers"],
    // Whichever admin wrote it, it is Stockbell that speaks.
    headline: ({ data }) => `Stockbell announces: ${data.title}`,
    detail: ({ data }) => excerptOf(data.text),
    offer: nothing,
  },
} satisfies { [K in EventKind]: Kind<K> };

/**
 * The kinds that may interrupt whoever hears the page read out: what concerns somebody's security, a payment that failed,
 * a suspension. No event is one of them; that a session has ended is no event, and the page itself says it: see alerts.js.
 */
export const interrupting: readonly EventKind[] = [];

/** The kinds whose toast stays until it is dismissed: there is time left to do something about it, and it runs out. */
export const urgent: readonly EventKind[] = [...interrupting, "reservation_ending"];

/**
 * What is said of a kind that only a newer release knows, beside which this one runs during a deploy, or after which it
 * runs when that was rolled back. Whom to tell of it, this release does not know: its events wait for a worker that does.
 */
const newer: Kind<EventKind> = {
  label: "Other news",
  happened: "Something new",
  audience: [],
  headline: ({ data }) => `News about ${data.title}`,
  offer: nothing,
};

/** A kind of which the database or the bus tells. */
export function kindOf(kind: EventKind): Kind<EventKind> {
  return (kinds as Partial<Record<EventKind, Kind<EventKind>>>)[kind] ?? newer;
}

/** What happened in an event of a kind, in the words of the log. */
export function happenedIn(kind: EventKind): string {
  return kindOf(kind).happened;
}

/** The kinds that somebody of a role may hear of. */
export function kindsFor(role: Role): { value: EventKind; text: string }[] {
  const entries = Object.entries(kinds) as [EventKind, Kind<EventKind>][];
  const heard = entries.filter(([, { audience }]) => audience.some((reason) => reasonsFor(role).includes(reason)));
  return heard.map(([value, { label }]) => ({ value, text: label }));
}

/** The kinds of which this role hears for a reason that is optional: those that a person may choose about. */
export function optionalKinds(role: Role): { kind: EventKind; label: string }[] {
  return (Object.entries(kinds) as [EventKind, Kind<EventKind>][])
    .filter(([, { audience }]) => audience.some((reason) => reasons[reason].role === role && reasons[reason].optional))
    .map(([kind, { label }]) => ({ kind, label }));
}

/** What an event offers to whoever is told of it for this reason. */
export function offerOf(event: EventRow, reason: Reason): Offer | null {
  return event.listingId === null ? null : kindOf(event.kind).offer(reason);
}

function reservationOf(title: string, reason: Reason): string {
  return `${reason === "reserved_for_you" ? "your" : "the"} reservation of ${title}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function edited({ title, edits: { price, quantity, text } }: EventData["listing_updated"]): string {
  // Of the quantity tells the second line: a headline is to be two lines at the most on a phone.
  if (price) return `${price.to < price.from ? "lowered" : "raised"} the price of ${title}`;
  if (quantity) return `changed the quantity of ${title}`;
  return text ? `edited the description of ${title}` : `edited ${title}: price and quantity are as before`;
}

function changes({ data, amounts }: Told<"listing_updated">): string[] {
  const { price, quantity } = data.edits;
  const { money, number } = amounts;
  const parts: string[] = [];
  if (price) parts.push(`from ${money(price.from, data.currency)} to ${money(price.to, data.currency)}`);
  if (quantity)
    parts.push(`${price ? "quantity " : ""}from ${number(quantity.from)} to ${number(quantity.to)} ${data.unit}`);
  if (data.steps && data.steps > 1) parts.push(`${number(data.steps)} edits`);
  return parts;
}
