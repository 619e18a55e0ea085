import type { Edits, TermsChange } from "./edits.ts";

// Every kind of thing that happens, with the facts that its readers need. An event is never changed: what it says was
// true when it happened. It carries ids and short texts, never who is told: that is for notifications/audience.ts.

type About = {
  title: string;
  sellerId: number;
  /** The listing's version before it; left out of what is new, and by earlier releases. */
  version?: number;
};
/** Events from before messages were told by their ids have none. */
type Sent = { messageId?: number };

/** To whom admins announce something: to all buyers, all sellers, or both. */
export type AnnouncedTo = "buyer" | "seller" | "everybody";

/** What several edits come to together, and how many they are. */
export type NetEdits = TermsChange & { steps: number };

export type EventData = {
  listing_published: About & { priceMinor: number; currency: string };
  listing_updated: About & {
    edits: Edits;
    currency: string;
    unit: string;
    reservedFor: number | null;
    terms?: TermsChange;
    steps?: number;
  };
  listing_reserved: About & { buyerId: number; until: string };
  reservation_extended: About & { buyerId: number; hours: number; until: string };
  reservation_ending: About & { buyerId: number; until: string };
  listing_released: About & { buyerId: number };
  reservation_expired: About & { buyerId: number };
  listing_sold: About & { buyerId: number };
  listing_withdrawn: About & { buyerId: number | null };
  listing_relisted: About & { priceMinor: number; currency: string };
  enquiry_received: About & Sent & { buyerId: number; buyerName: string; excerpt: string };
  enquiry_replied: About & Sent & { buyerId: number; authorName: string; excerpt: string };
  /** About no listing: its title is its own. */
  announcement: { title: string; text: string; to: AnnouncedTo; version?: undefined };
};

export type EventKind = keyof EventData;

/** What an action hands to recordEvent. `actorId` is null when the clock did it. */
export type NewEvent = {
  [K in EventKind]: {
    kind: K;
    actorId: number | null;
    listingId: K extends "announcement" ? null : number;
    enquiryId?: number;
    data: EventData[K];
  };
}[EventKind];

/** An event as the log keeps it. */
export type EventRow = {
  [K in EventKind]: {
    id: number;
    kind: K;
    actorId: number | null;
    listingId: number | null;
    enquiryId: number | null;
    data: EventData[K];
    occurredAt: Date;
  };
}[EventKind];
