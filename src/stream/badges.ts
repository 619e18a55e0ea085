import { randomBytes } from "node:crypto";
import { render } from "../views.ts";

/** How the badge stands: the count is absolute, the revision tells an older count from a newer. */
export type Badge = { unseen: number; revision: number };

const COUNTED = 100;
const LOCALES = 200;

// Nobody could have typed it.
const HOLE = `revision-${randomBytes(12).toString("hex")}`;

const badges = { rang: new Map<string, [string, string][]>(), still: new Map<string, [string, string][]>() };

/** The badge on one line, so that it fits into any frame. Made once for each count. @param rang whether it has just rung */
export function badgeFragment(locale: string, { unseen, revision }: Badge, rang: boolean): string {
  const known = badges[rang ? "rang" : "still"];
  const counted = known.get(locale) ?? [];
  const [before, after] = counted[unseen] ?? badgeParts(locale, unseen, rang);
  if (!counted[unseen] && unseen < COUNTED && known.size < LOCALES) {
    counted[unseen] = [before, after];
    known.set(locale, counted);
  }
  return before + String(revision) + after;
}

function badgeParts(locale: string, unseen: number, rang: boolean): [string, string] {
  const html = render("notifications/badge", locale, { unseen, revision: HOLE, oob: true, rang });
  return html.replaceAll("\n", " ").split(HOLE) as [string, string];
}
