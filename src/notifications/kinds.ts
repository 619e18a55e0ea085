import type { Role } from "../db.ts";
import type { Edits, EventData, EventKind, EventRow } from "../events/catalogue.ts";

/** Why somebody is told. The order is that of precedence: a person with several reasons is given the first. */
export const reasons = {
  reserved_for_you: { role: "buyer", text: "It is reserved for you" },
  your_reservation: { role: "buyer", text: "You had it reserved" },
  your_listing: { role: "seller", text: "It is your listing" },
  your_enquiry: { role: "buyer", text: "You asked about this listing" },
  watching: { role: "buyer", text: "You watch this listing" },
} as const satisfies Record<string, { role: Role; text: string }>;

export type Reason = keyof typeof reasons;

/** What a notification offers its reader: a listing that can be had, or one that is kept for them. */
export type Offer = "open" | "yours";

/** How amounts are written for one reader: see views.ts. */
export type Amounts = { money(minor: number, currency: string): string; number(value: number): string };

type Told<K extends EventKind> = { data: EventData[K]; reason: Reason; who: string; amounts: Amounts };

type Kind<K extends EventKind> = {
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
  /** Whether a person may switch it off. */
  mutable: boolean;
};

const nothing = () => null;
/** A seller is offered nothing, nor is the buyer who has just lost it. */
const toOthers = (reason: Reason) => (reason === "your_enquiry" || reason === "watching" ? "open" : null);
const toOneOrOthers = (reason: Reason) => (reason === "reserved_for_you" ? "yours" : toOthers(reason));
const toOneOnly = (reason: Reason) => (reason === "reserved_for_you" ? "yours" : null);

/** Every kind there is: the compiler refuses an event without its entry here. */
export const kinds = {
  listing_published: {
    audience: [],
    headline: ({ data, who }) => `${who} published ${data.title}`,
    offer: (reason) => (reasons[reason].role === "buyer" ? "open" : null),
    mutable: true,
  },
  listing_updated: {
    audience: ["reserved_for_you", "your_listing", "your_enquiry", "watching"],
    buyer: (data) => data.reservedFor,
    headline: (told) => `${told.who} ${edited(told.data.edits, told)}`,
    offer: toOneOrOthers,
    mutable: true,
  },
  listing_reserved: {
    audience: ["reserved_for_you", "your_listing", "your_enquiry", "watching"],
    buyer: (data) => data.buyerId,
    headline: ({ data, reason, who }) =>
      reason === "reserved_for_you" ? `${who} reserved ${data.title} for you` : `${who} reserved ${data.title}`,
    offer: toOneOnly,
    mutable: false,
  },
  listing_released: {
    audience: ["your_reservation", "your_listing", "your_enquiry", "watching"],
    buyer: (data) => data.buyerId,
    headline: ({ data, reason, who }) =>
      reason === "your_reservation"
        ? `${who} released your reservation of ${data.title}`
        : `${data.title} is available again`,
    offer: toOthers,
    mutable: false,
  },
  reservation_expired: {
    audience: ["your_reservation", "your_listing", "your_enquiry", "watching"],
    buyer: (data) => data.buyerId,
    headline: ({ data, reason }) => expired(data.title, reason),
    offer: toOthers,
    mutable: false,
  },
  listing_sold: {
    audience: ["reserved_for_you", "your_listing", "your_enquiry", "watching"],
    buyer: (data) => data.buyerId,
    headline: ({ data, reason, who }) =>
      reason === "reserved_for_you" ? `${who} sold ${data.title} to you` : `${who} sold ${data.title}`,
    offer: nothing,
    mutable: false,
  },
  listing_withdrawn: {
    audience: ["your_reservation", "your_listing", "your_enquiry", "watching"],
    buyer: (data) => data.buyerId,
    headline: ({ data, who }) => `${who} withdrew ${data.title}`,
    offer: nothing,
    mutable: false,
  },
  listing_relisted: {
    audience: ["your_listing", "your_enquiry", "watching"],
    headline: ({ data }) => `${data.title} is available again`,
    detail: ({ data, amounts }) => amounts.money(data.priceMinor, data.currency),
    offer: toOthers,
    mutable: true,
  },
  enquiry_received: {
    audience: ["your_listing"],
    headline: ({ data }) => `${data.buyerName} asks about ${data.title}`,
    detail: ({ data }) => data.excerpt,
    offer: nothing,
    mutable: true,
  },
  enquiry_replied: {
    audience: ["your_listing", "your_enquiry"],
    buyer: (data) => data.buyerId,
    headline: ({ data }) => `${data.authorName} replied about ${data.title}`,
    detail: ({ data }) => data.excerpt,
    offer: nothing,
    mutable: true,
  },
} satisfies { [K in EventKind]: Kind<K> };

export type Description = { headline: string; detail: string | null; link: string; reasonText: string | null };

/** The words for an event that its reader may no longer see: that there was one is all that they say. */
export const withheld: Description = {
  headline: "An update that you can no longer see",
  detail: null,
  link: "/notifications",
  reasonText: null,
};

/**
 * The words for one event to one reader.
 * @param actorCompany whose doing it was, as others may know it; null where the clock did it
 */
export function describe(event: EventRow, reason: Reason, actorCompany: string | null, amounts: Amounts): Description {
  const kind = kinds[event.kind] as Kind<EventKind>;
  const told = { data: event.data, reason, who: actorCompany ?? "Stockbell", amounts };
  return {
    headline: kind.headline(told),
    detail: kind.detail?.(told) ?? null,
    link: event.enquiryId === null ? `/listings/${event.listingId}` : `/enquiries/${event.enquiryId}`,
    reasonText: reasons[reason].text,
  };
}

/** What an event offers to whoever is told of it for this reason. */
export function offerOf(event: EventRow, reason: Reason): Offer | null {
  return event.listingId === null ? null : kinds[event.kind].offer(reason);
}

function expired(title: string, reason: Reason): string {
  if (reason === "your_reservation") return `Your reservation of ${title} ran out`;
  if (reason === "your_listing") return `The reservation of ${title} ran out: it is available again`;
  return `${title} is available again`;
}

function edited(edits: Edits, { data, amounts }: Told<"listing_updated">): string {
  const parts: string[] = [];
  if (edits.price) {
    const { from, to } = edits.price;
    const verb = to < from ? "lowered" : "raised";
    parts.push(
      `${verb} the price of ${data.title} from ${amounts.money(from, data.currency)} to ${amounts.money(to, data.currency)}`,
    );
  }
  if (edits.quantity) {
    const { from, to } = edits.quantity;
    const of = parts.length === 0 ? ` of ${data.title}` : "";
    parts.push(`changed the quantity${of} from ${amounts.number(from)} to ${amounts.number(to)} ${data.unit}`);
  }
  if (parts.length === 0) return `edited the description of ${data.title}`;
  return parts.join(" and ");
}
