import type { LoggedEvent } from "../events/log.ts";
import type { Notice } from "../notifications/inbox.ts";
import type { Reason } from "../notifications/kinds.ts";

// What the bus carries, as notifications/deliver.ts and notifications/announce.ts write it.

/** Rings for one recipient's number; it brings all that its toast needs, so that the next in line needs no reading. */
export type ToastMessage = {
  type: "toast";
  userId: number;
  seq: number;
  reason: Reason;
  unseen: number;
  revision: number;
  createdAt: string;
  event: LoggedEvent;
};

/** Marks have changed in one of a person's tabs. */
export type MarksMessage = { type: "marks"; unseen: number; revision: number; lastSeq: number; seqs: number[] };

/** News for a role: a listing has changed, or, for admins, anything has happened. */
export type RoleMessage =
  | { type: "market"; listingId: number; sellerId: number }
  | { type: "oversight"; event: LoggedEvent };

/** The notification that a toast message is about. */
export function noticeOf(recipientId: number, { seq, reason, createdAt, event }: ToastMessage): Notice {
  return { recipientId, seq, reason, createdAt: new Date(createdAt), readAt: null, event: withDates(event) };
}

/** An event that came as JSON, with its times as dates again. */
export function withDates(event: LoggedEvent): LoggedEvent {
  return { ...event, occurredAt: new Date(event.occurredAt) };
}
