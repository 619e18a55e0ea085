import type { Notice } from "../notifications/inbox.ts";
import { isQuiet, type Row, rowFor } from "../notifications/rows.ts";
import { render } from "../views.ts";
import { type Badge, badgeFragment } from "./badges.ts";
import { frame, framed } from "./frames.ts";
import type { Missed } from "./reads.ts";

/** More than this many missed at once are one summary toast instead of a wall of them. */
export const MOST_TOASTS = 3;

/** What one notice looks like: the toast, unless it is quiet, and out of band the badge and the inbox row. */
export function noticeFragment(locale: string, notice: Told, badge: Badge): string {
  return newsOf(locale, rowFor(notice, locale), badge);
}

/** The same, ready for a stream. */
export function noticeFrame(locale: string, notice: Told, badge: Badge): string {
  const row = rowFor(notice, locale);
  return frame(nameOf(row), newsOf(locale, row, badge), row.seq);
}

type Told = Omit<Notice, "recipientId" | "createdAt">;

/** A number goes with what brings no toast as well, so that the cursor moves on with it. */
export function nameOf({ quiet }: Pick<Row, "quiet">): "toast" | "inbox" {
  return quiet ? "inbox" : "toast";
}

function newsOf(locale: string, row: Row, badge: Badge): string {
  const count = badgeFragment(locale, badge, !row.quiet);
  return render("stream/news", locale, { rows: [row], revision: badge.revision, badge: count, summary: null });
}

/**
 * What came while somebody was away, as one fragment: a summary toast, the badge, and every inbox row.
 * @param missed how many there are; `notices` holds the newest of them, oldest first
 */
export function summaryFragment(locale: string, notices: Notice[], missed: number, badge: Badge): string {
  const rows = notices.map((notice) => rowFor(notice, locale)).reverse();
  const last = notices.at(-1)?.seq ?? 0;
  const summary = { missed, seq: last, at: new Date() };
  return render("stream/news", locale, {
    rows,
    revision: badge.revision,
    badge: badgeFragment(locale, badge, true),
    summary,
  });
}

/** How many toasts somebody missed. */
export function toastsOf({ notices, earlier }: Missed): number {
  return notices.filter((notice) => !isQuiet(notice)).length + earlier;
}

/** Marks and the count, for a person's other tabs. @param gone the numbers of rows that are no more */
export function marksFragment(locale: string, notices: Notice[], badge: Badge, gone: number[]): string {
  const count = badgeFragment(locale, badge, false);
  const rows = notices.map((notice) => rowFor(notice, locale));
  return render("stream/marks", locale, { rows, revision: badge.revision, gone, count });
}

/** The same, ready for a stream. */
export function marksFrame(locale: string, notices: Notice[], badge: Badge, gone: number[]): string {
  if (notices.length === 0 && gone.length === 0) return inboxFrame(badgeFragment(locale, badge, false));
  return frame("inbox", marksFragment(locale, notices, badge, gone));
}

/** How the inbox stands, with a number up to which there is nothing to show: the cursor moves on with it. */
export function standingFrame(locale: string, badge: Badge, upTo: number): string {
  return frame("inbox", badgeFragment(locale, badge, false), upTo);
}

const inboxFrame = framed("inbox");
