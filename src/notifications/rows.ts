import type { Request } from "express";
import type { LoggedEvent } from "../events/log.ts";
import { formatFor, localeOf } from "../views.ts";
import type { Notice } from "./inbox.ts";
import { type Amounts, interrupting, kindOf, offerOf, urgent } from "./kinds.ts";
import { knownReason, type Reason } from "./reasons.ts";
import { noteFor } from "./standing.ts";

type Told = Omit<Notice, "recipientId" | "createdAt">;

/** A notification as the views show it: in the inbox, in a toast, on the stream and in the polling fallback alike. */
export type Row = ReturnType<typeof rowFor>;

/** A notification in the words of the asker's locale. */
export function toRow(notice: Notice, req: Pick<Request, "headers">): Row {
  return rowFor(notice, localeOf(req));
}

/** A notification in the words of a locale. */
export function rowFor(notice: Told, locale: string) {
  const { event, seq, reason, readAt, archivedAt } = notice;
  const hidden = notice.withheld ?? false;
  const { headline, detail, link, reasonText } = hidden ? withheld : describe(event, seq, reason, formatFor(locale));
  const { offer, note, version } = hidden ? nothing : offered(notice);
  return {
    seq,
    hidden,
    kind: hidden ? null : event.kind,
    headline,
    detail,
    link,
    reasonText,
    at: new Date(event.occurredAt),
    read: readAt !== null,
    archived: archivedAt !== null,
    quiet: isQuiet(notice),
    urgent: urgent.includes(event.kind),
    interrupts: interrupting.includes(event.kind),
    about: hidden ? null : event.listingId,
    title: hidden ? null : event.data.title,
    /** Of rows with the same, only the newest that is unread is shown. */
    folds: event.kind === "listing_updated" && !hidden ? `${event.listingId}:${reason}` : null,
    offer,
    note,
    version,
  };
}

/** Whether a notification brings no toast, or none any more. */
export function isQuiet({ quiet, readAt, archivedAt, withheld: hidden = false }: Told): boolean {
  return quiet || hidden || readAt !== null || archivedAt !== null;
}

const nothing = { offer: null, note: null, version: undefined };

/** What it offers, and what has become of that as of which version of the listing. */
function offered({ event, reason, standing }: Told) {
  const offer = offerOf(event, reason);
  if (!offer) return nothing;
  // An event alone tells the state that it led to, which is the version after the one that its actor had seen.
  const version = standing?.version ?? (event.data.version ?? -1) + 1;
  return { offer, note: standing ? noteFor(offer, standing) : null, version };
}

type Description = { headline: string; detail: string | null; link: string; reasonText: string | null };

/** The words for an event that its reader may no longer see: that there was one is all that they say. */
const withheld: Description = {
  headline: "An update that you can no longer see",
  detail: null,
  link: "/notifications",
  reasonText: null,
};

/** Where a notification that is about nothing else is read: a page of its own. */
export function ownPage(seq: number | string): string {
  return `/notifications/${seq}`;
}

/** The words for one event to one reader. The clock has no company, and goes by our name. */
function describe(event: LoggedEvent, seq: number, reason: Reason, amounts: Amounts): Description {
  const kind = kindOf(event.kind);
  const told = { data: event.data, reason, who: event.actorCompany ?? "Stockbell", amounts };
  return {
    headline: kind.headline(told),
    detail: kind.detail?.(told) || null,
    link: placeOf(event) ?? ownPage(seq),
    reasonText: knownReason(reason)?.text ?? null,
  };
}

function placeOf({ listingId, enquiryId }: LoggedEvent): string | null {
  if (enquiryId !== null) return `/enquiries/${enquiryId}`;
  return listingId === null ? null : `/listings/${listingId}`;
}
