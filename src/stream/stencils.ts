import { randomBytes } from "node:crypto";
import type { LoggedEvent } from "../events/log.ts";
import type { Reason } from "../notifications/reasons.ts";
import { ownPage, type Row, rowFor } from "../notifications/rows.ts";
import { escaped, formatFor, render } from "../views.ts";
import { type Badge, badgeFragment } from "./badges.ts";
import { nameOf } from "./fragments.ts";
import { frame, inFrame } from "./frames.ts";

/** Kept for each kind. */
const LOOKS = 50;

/** What differs from event to event, and the first of them from person to person: all else is the same for a kind. */
const HOLES = ["seq", "revision", "badge", "headline", "detail", "link", "about", "folds", "version"] as const;
const [SEQ, REVISION, BADGE] = [0, 1, 2];
const TIME = HOLES.length;
const SAID = TIME + 1;

// Nobody could have typed them, and no event happens at that time.
const holes = Object.fromEntries(HOLES.map((name) => [name, `${name}-${randomBytes(12).toString("hex")}`])) as Record<
  (typeof HOLES)[number],
  string
>;
const NEVER = new Date(8.64e15);

/**
 * How an event is told, framed, to all who hear of it for the same reason: the same as the template would make for each, with
 * only number and badge left to be filled in.
 */
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
    words[SEQ] = String(seq);
    words[REVISION] = String(badge.revision);
    words[BADGE] = badgeFragment(locale, badge, !quiet);
    return written(stencil, words);
  };
}

/** What is the same for all who hear of an event, in the order of HOLES, and its time as machines and as people read it. */
function wordsOf(row: Row, locale: string): string[] {
  return [
    ...["", "", ""],
    inMarkup(row.headline),
    inMarkup(row.detail ?? ""),
    inMarkup(row.link),
    String(row.about ?? ""),
    row.folds ?? "",
    String(row.version),
    isoOf(row.at.getTime()),
    inMarkup(formatFor(locale).dateTime(row.at)),
  ];
}

const MINUTE = 60_000;
let minute = { at: Number.NaN, text: "" };

/** What Date.toISOString() says, which goes through C's printf and asks for the time zone; what is told now is of this minute. */
function isoOf(ms: number): string {
  const at = Math.floor(ms / MINUTE);
  if (at !== minute.at) minute = { at, text: new Date(at * MINUTE).toISOString().slice(0, -7) };
  const rest = String(100_000 + (ms % MINUTE));
  return `${minute.text}${rest.slice(1, 3)}.${rest.slice(3)}Z`;
}

const SPECIAL = /[&<>"'\r\n]/;

/** Text as it stands in the markup of a frame. Most of it stands there as it is, and is looked through once. */
function inMarkup(text: string): string {
  return SPECIAL.test(text) ? inFrame(escaped(text)) : text;
}

/** A frame of news cut up at its holes: a text more than there are holes. A hole is the place of its word. */
type Stencil = { texts: string[]; holes: number[] };
/** How a kind of event looks: in which locale, to whom, and in which shape. */
type Look = { locale: string; reason: Reason; shape: number; stencil: Stencil };
const looks = new Map<Row["kind"], Look[]>();

function stencilOf(locale: string, row: Row, reason: Reason): Stencil {
  const known = looks.get(row.kind) ?? [];
  const shape = shapeOf(row);
  const found = known.find((look) => look.locale === locale && look.reason === reason && look.shape === shape);
  if (found) return found.stencil;
  const stencil = cutStencil(locale, row);
  if (known.length < LOOKS) looks.set(row.kind, [...known, { locale, reason, shape, stencil }]);
  return stencil;
}

/** What the template asks of a row of a kind: a bit for each. */
function shapeOf({ quiet, detail, about, folds }: Row): number {
  return (quiet ? 1 : 0) | (detail ? 2 : 0) | (about ? 4 : 0) | (folds ? 8 : 0);
}

/** Made from the template. */
function cutStencil(locale: string, row: Row): Stencil {
  const { seq, headline, version, badge } = holes;
  const [detail, folds, about] = [row.detail && holes.detail, row.folds && holes.folds, row.about && holes.about];
  const link = row.link === ownPage(row.seq) ? ownPage(seq) : holes.link;
  const blank = { ...row, seq, headline, detail, link, about, folds, version, at: NEVER };
  const html = render("stream/news", locale, { rows: [blank], revision: holes.revision, badge, summary: null });
  const places = new Map<string, number>(HOLES.map((name, place) => [holes[name], place]));
  places.set(NEVER.toISOString(), TIME).set(escaped(formatFor(locale).dateTime(NEVER)), SAID);
  const pattern = new RegExp(`(${[...places.keys()].map((hole) => RegExp.escape(hole)).join("|")})`);
  const parts = frame(nameOf(row), html, seq).split(pattern);
  return {
    texts: parts.filter((_, at) => at % 2 === 0),
    holes: parts.filter((_, at) => at % 2 === 1).map((hole) => places.get(hole) as number),
  };
}

/** The stencil with what is the same for all in its holes. */
function filled({ texts, holes }: Stencil, words: string[]): Stencil {
  const left: Stencil = { texts: [texts[0] as string], holes: [] };
  for (const [at, hole] of holes.entries()) {
    const after = texts[at + 1] as string;
    if (hole > BADGE) left.texts.push(`${left.texts.pop()}${words[hole]}${after}`);
    else {
      left.holes.push(hole);
      left.texts.push(after);
    }
  }
  return left;
}

function written({ texts, holes }: Stencil, words: string[]): string {
  let text = texts[0] as string;
  for (let at = 0; at < holes.length; at += 1) text += (words[holes[at] as number] as string) + texts[at + 1];
  return text;
}
