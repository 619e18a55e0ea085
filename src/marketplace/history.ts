import type { Db } from "../db.ts";
import type { EventKind, EventRow } from "../events/catalogue.ts";
import { readEvents } from "../events/log.ts";
import { type Actor, isKeeper, type ListingView } from "./listings.ts";

/** One thing that happened to a listing, without who did it. `buyer` is in words, where this reader may know. */
export type HistoryEntry = { event: EventRow; buyer: string | null; yours: boolean };

const told: EventKind[] = [
  "listing_published",
  "listing_updated",
  "listing_reserved",
  "listing_released",
  "reservation_expired",
  "listing_sold",
  "listing_withdrawn",
  "listing_relisted",
];
