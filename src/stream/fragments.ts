import type { Notice } from "../notifications/inbox.ts";
import { rowFor } from "../notifications/rows.ts";
import { render } from "../views.ts";

/** How the badge stands: the count is absolute, the revision tells an older count from a newer. */
export type Badge = { unseen: number; revision: number };

/** More than this many missed at once are one summary toast instead of a wall of them. */
export const MOST_TOASTS = 3;

/** What one notice looks like: the toast, and out of band the badge and the inbox row. */
export function noticeFragment(locale: string, notice: Omit<Notice, "recipientId">, badge: Badge): string {
  return render("stream/news", locale, { rows: [rowFor(notice, locale)], badge, summary: null });
}

/**
 * What came while somebody was away, as one fragment: a summary toast, the badge, and every inbox row.
 * @param missed how many there are; `notices` holds the newest of them, oldest first
 */
export function summaryFragment(locale: string, notices: Notice[], missed: number, badge: Badge): string {
  const rows = notices.map((notice) => rowFor(notice, locale)).reverse();
  const last = notices.at(-1)?.seq ?? 0;
  return render("stream/news", locale, { rows, badge, summary: { missed, seq: last, at: new Date() } });
}

/** Read marks and the count, for a person's other tabs. */
export function marksFragment(locale: string, notices: Notice[], badge: Badge): string {
  return render("stream/marks", locale, { rows: notices.map((notice) => rowFor(notice, locale)), badge });
}
