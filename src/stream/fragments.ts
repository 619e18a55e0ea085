import { randomBytes } from "node:crypto";
import type { LoggedEvent } from "../events/log.ts";
import type { Notice } from "../notifications/inbox.ts";
import type { Reason } from "../notifications/reasons.ts";
import { isQuiet, ownPage, type Row, rowFor } from "../notifications/rows.ts";
import { escaped, formatFor, render } from "../views.ts";
import { frame, framed, inFrame } from "./frames.ts";
import type { Missed } from "./reads.ts";

/** How the badge stands: the count is absolute, the revision tells an older count from a newer. */
export type Badge = { unseen: number; revision: number };

/** More than this many missed at once are one summary toast instead of a wall of them. */
export const MOST_TOASTS = 3;

const COUNTED = 100;
const STENCILS = 500;

const NAMES = ["seq", "badge", "revision", "headline", "detail", "link", "about", "folds", "version"] as const;

/** What differs from event to event and from person to person: all else of a fragment is the same for all of its kind. */
type Hole = (typeof NAMES)[number] | "time" | "said";

// Nobody could have typed them, and no event happens at that time.
const holes = Object.fromEntries(NAMES.map((name) => [name, `${name}-${randomBytes(12).toString("hex")}`])) as Record<
  (typeof NAMES)[number],
  string
>;
const NEVER = new Date(8.64e15);

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

// A number goes with what brings no toast as well, so that the cursor moves on with it.
function nameOf({ quiet }: Pick<Row, "quiet">): "toast" | "inbox" {
  return quiet ? "inbox" : "toast";
}

function newsOf(locale: string, row: Row, badge: Badge): string {
  const count = badgeFragment(locale, badge, !row.quiet);
  return render("stream/news", locale, { rows: [row], revision: badge.revision, badge: count, summary: null });
}

/** The same, framed, for whoever is told of an event for the same reason: only number and badge are left to be filled in. */
export function prepareNews(
  locale: string,
  event: LoggedEvent,
  { reason, quiet }: { reason: Reason; quiet: boolean },
): (seq: number, badge: Badge) => string {
  const row = rowFor({ seq: 0, reason, quiet, event, readAt: null, archivedAt: null }, locale);
  const words = wordsOf(row, locale);
  let stencil = stencilOf(locale, row, reason);
  let told = 0;
  return (seq, badge) => {
    told += 1;
    // For one it does not pay.
    if (told === 2) stencil = filled(stencil, words);
    words.seq = String(seq);
    words.revision = String(badge.revision);
    words.badge = badgeFragment(locale, badge, !quiet);
    return written(stencil, words);
  };
}

type Words = { [name in Hole]?: string };

/** What is the same for all who hear of an event. */
function wordsOf(row: Row, locale: string): Words {
  return {
    headline: inFrame(escaped(row.headline)),
    detail: row.detail ? inFrame(escaped(row.detail)) : "",
    link: escaped(row.link),
    about: String(row.about ?? ""),
    folds: row.folds ?? "",
    version: String(row.version),
    time: row.at.toISOString(),
    said: escaped(formatFor(locale).dateTime(row.at)),
  };
}

/** A frame of news cut up at its holes: text, name of a hole, text, and so on. */
type Stencil = string[];
const stencils = new Map<string, Stencil>();

/** Made from the template, once for each look. */
function stencilOf(locale: string, row: Row, reason: Reason): Stencil {
  const key = `${locale} ${row.kind} ${reason} ${row.quiet} ${Boolean(row.detail)}`;
  const known = stencils.get(key);
  if (known) return known;
  const { seq, headline, version, badge } = holes;
  const [detail, folds, about] = [row.detail && holes.detail, row.folds && holes.folds, row.about && holes.about];
  const link = row.link === ownPage(row.seq) ? ownPage(seq) : holes.link;
  const blank = { ...row, seq, headline, detail, link, about, folds, version, at: NEVER };
  const html = render("stream/news", locale, { rows: [blank], revision: holes.revision, badge, summary: null });
  const names = new Map<string, Hole>(Object.entries(holes).map(([name, hole]) => [hole, name as Hole]));
  names.set(NEVER.toISOString(), "time").set(escaped(formatFor(locale).dateTime(NEVER)), "said");
  const pattern = new RegExp(`(${[...names.keys()].map((hole) => RegExp.escape(hole)).join("|")})`);
  const stencil = frame(nameOf(row), html, seq)
    .split(pattern)
    .map((part, at) => (at % 2 === 0 ? part : (names.get(part) as Hole)));
  if (stencils.size < STENCILS) stencils.set(key, stencil);
  return stencil;
}

/** The stencil with what is the same for all in its holes: text, name of a hole that is left, text, and so on. */
function filled(stencil: Stencil, words: Words): Stencil {
  const parts = [stencil[0] as string];
  for (let at = 1; at < stencil.length; at += 2) {
    const [hole, after] = [stencil[at] as Hole, stencil[at + 1] as string];
    if (hole === "seq" || hole === "revision" || hole === "badge") parts.push(hole, after);
    else parts[parts.length - 1] += words[hole] + after;
  }
  return parts;
}

function written(stencil: Stencil, words: Words): string {
  let text = stencil[0] as string;
  for (let at = 1; at < stencil.length; at += 2) text += (words[stencil[at] as Hole] ?? "") + stencil[at + 1];
  return text;
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
const badges = new Map<string, string[]>();

/** The badge on one line, so that it fits into any frame. Made once for each count. @param rang whether it has just rung */
function badgeFragment(locale: string, { unseen, revision }: Badge, rang: boolean): string {
  const key = `${locale} ${rang} ${unseen}`;
  let parts = badges.get(key);
  if (!parts) {
    const html = render("notifications/badge", locale, { unseen, revision: holes.revision, oob: true, rang });
    parts = html.replaceAll("\n", " ").split(holes.revision);
    if (unseen < COUNTED) badges.set(key, parts);
  }
  return parts.join(String(revision));
}
