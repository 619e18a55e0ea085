import { randomBytes } from "node:crypto";
import type { LoggedEvent } from "../events/log.ts";
import type { Notice } from "../notifications/inbox.ts";
import type { Reason } from "../notifications/kinds.ts";
import { rowFor } from "../notifications/rows.ts";
import { render } from "../views.ts";
import { frame, framed } from "./frames.ts";

/** How the badge stands: the count is absolute, the revision tells an older count from a newer. */
export type Badge = { unseen: number; revision: number };

/** More than this many missed at once are one summary toast instead of a wall of them. */
export const MOST_TOASTS = 3;

// They stand for what differs from person to person, and nobody could have typed them.
const [SEQ, BADGE, REVISION] = ["seq", "badge", "revision"].map((name) => `${name}-${randomBytes(12).toString("hex")}`);
const COUNTED = 100;

/** What one notice looks like: the toast, and out of band the badge and the inbox row. */
export function noticeFragment(locale: string, notice: Omit<Notice, "recipientId">, badge: Badge): string {
  return render("stream/news", locale, {
    rows: [rowFor(notice, locale)],
    badge: badgeFragment(locale, badge, true),
    summary: null,
  });
}

/** The same, framed, for whoever is told of an event for the same reason: only number and badge are left to be filled in. */
export function prepareNews(locale: string, event: LoggedEvent, reason: Reason): (seq: number, badge: Badge) => string {
  const row = rowFor({ seq: 0, reason, event, createdAt: event.occurredAt, readAt: null }, locale);
  const html = render("stream/news", locale, { rows: [{ ...row, seq: SEQ }], badge: BADGE, summary: null });
  const [before = [], after = []] = frame("toast", html, SEQ)
    .split(BADGE as string)
    .map((half) => half.split(SEQ as string));
  return (seq, badge) => before.join(String(seq)) + badgeFragment(locale, badge, true) + after.join(String(seq));
}

/**
 * What came while somebody was away, as one fragment: a summary toast, the badge, and every inbox row.
 * @param missed how many there are; `notices` holds the newest of them, oldest first
 */
export function summaryFragment(locale: string, notices: Notice[], missed: number, badge: Badge): string {
  const rows = notices.map((notice) => rowFor(notice, locale)).reverse();
  const last = notices.at(-1)?.seq ?? 0;
  const summary = { missed, seq: last, at: new Date() };
  return render("stream/news", locale, { rows, badge: badgeFragment(locale, badge, true), summary });
}

/** Read marks and the count, for a person's other tabs, ready for a stream. */
export function marksFrame(locale: string, notices: Notice[], badge: Badge): string {
  const count = badgeFragment(locale, badge, false);
  if (notices.length === 0) return inboxFrame(count);
  return frame("inbox", render("stream/marks", locale, { rows: notices.map((one) => rowFor(one, locale)), count }));
}

const inboxFrame = framed("inbox");
const badges = new Map<string, string[]>();

/** The badge on one line, so that it fits into any frame. Made once for each count. @param rang whether it has just rung */
function badgeFragment(locale: string, { unseen, revision }: Badge, rang: boolean): string {
  const key = `${locale} ${rang} ${unseen}`;
  let parts = badges.get(key);
  if (!parts) {
    const html = render("notifications/badge", locale, { unseen, revision: REVISION, oob: true, rang });
    parts = html.replaceAll("\n", " ").split(REVISION as string);
    if (unseen < COUNTED) badges.set(key, parts);
  }
  return parts.join(String(revision));
}
