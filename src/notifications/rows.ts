import type { Request } from "express";
import { formatFor, localeOf } from "../views.ts";
import type { Notice } from "./inbox.ts";
import { describe, offerOf, withheld } from "./kinds.ts";
import { noteFor } from "./standing.ts";

/** A notification as the views show it: in the inbox, in a toast, on the stream and in the polling fallback alike. */
export type Row = ReturnType<typeof rowFor>;

/** A notification in the words of the asker's locale. */
export function toRow(notice: Notice, req: Pick<Request, "headers">): Row {
  return rowFor(notice, localeOf(req));
}

/** A notification in the words of a locale. */
export function rowFor(notice: Omit<Notice, "recipientId">, locale: string) {
  const { event, seq, reason, readAt } = notice;
  const hidden = notice.withheld ?? false;
  return {
    seq,
    hidden,
    kind: hidden ? null : event.kind,
    ...(hidden ? withheld : describe(event, reason, event.actorCompany, formatFor(locale))),
    at: new Date(event.occurredAt),
    read: readAt !== null,
    ...(hidden ? { offer: null, note: null } : offered(notice)),
  };
}

/** What it offers of which listing, and what has become of that as of which version of the listing. */
function offered({ event, reason, standing }: Omit<Notice, "recipientId">) {
  const offer = offerOf(event, reason);
  if (!offer) return { offer, note: null };
  // An event alone tells the state that it led to, which is the version after the one that its actor had seen.
  const version = standing?.version ?? (event.data.version ?? -1) + 1;
  return { offer, note: standing ? noteFor(offer, standing) : null, listingId: event.listingId, version };
}
