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
export function rowFor(notice: Omit<Notice, "recipientId">, locale: string) {
  const { event, seq, reason, readAt } = notice;
  return {
    seq,
    kind: event.kind,
    ...describe(event, reason, event.actorCompany, formatFor(locale)),
    at: new Date(event.occurredAt),
    read: readAt !== null,
    listingId: event.listingId,
  };
}
