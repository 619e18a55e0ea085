import type { Request } from "express";
import { formatFor, localeOf } from "../views.ts";
import type { Notice } from "./inbox.ts";
import { describe } from "./kinds.ts";

/** A notification as the views show it: in the inbox, in a toast, on the stream and in the polling fallback alike. */
export type Row = ReturnType<typeof rowFor>;

/** A notification in the words of the asker's locale. */
export function toRow(notice: Notice, req: Pick<Request, "headers">): Row {
  return rowFor(notice, localeOf(req));
}

/** A notification in the words of a locale. */
export function rowFor(notice: Omit<Notice, "recipientId" | "createdAt">, locale: string) {
  const { event, seq, reason, readAt, archivedAt } = notice;
  return {
    seq,
    kind: event.kind,
    ...describe(event, reason, event.actorCompany, formatFor(locale)),
    at: new Date(event.occurredAt),
    read: readAt !== null,
    archived: archivedAt !== null,
    quiet: isQuiet(notice),
    about: event.listingId,
    title: event.data.title,
    /** Of rows with the same, only the newest that is unread is shown. */
    folds: event.kind === "listing_updated" ? `${event.listingId}:${reason}` : null,
  };
}

/** Whether a notification brings no toast, or none any more. */
export function isQuiet({ quiet, readAt, archivedAt }: Pick<Notice, "quiet" | "readAt" | "archivedAt">): boolean {
  return quiet || readAt !== null || archivedAt !== null;
}
