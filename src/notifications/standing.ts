import type { ListingStatus } from "../db.ts";
import type { Offer } from "./kinds.ts";

/** How a listing stands for one reader: `theirs` while it is reserved for them. */
export type Standing = { status: ListingStatus; version: number; theirs: boolean };

/** What has become of an offer: nobody can have it, somebody else has it, or it is no longer kept for the reader. */
export type Note = "gone" | "taken" | "lapsed";

/** What to say beside a notification that offered a listing, now that it stands like this; null while the offer holds. */
export function noteFor(offer: Offer, { status, theirs }: Omit<Standing, "version">): Note | null {
  if (status === "sold" || status === "withdrawn") return "gone";
  if (theirs) return null;
  if (offer === "yours") return "lapsed";
  return status === "reserved" ? "taken" : null;
}
