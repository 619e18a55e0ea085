import type { NetEdits } from "../events/catalogue.ts";
import type { LoggedEvent } from "../events/log.ts";
import type { Reason } from "./reasons.ts";

// What the bus carries. On the channel "events" every web process hears of each event, with a ring for each person whom
// it concerns; on a person's own channel, of what they have marked in one of their tabs, and of theirs that was seen.

/** One recipient's number for an event, and how their inbox stands with it. */
export type Ring = {
  userId: number;
  eventId: number;
  seq: number;
  reason: Reason;
  unseen: number;
  revision: number;
  /** It brings no toast. */
  quiet?: true;
  /** Its row took the place of one with earlier edits: what they come to together. */
  net?: NetEdits;
};

/** An event with its rings, or more rings of one that has been told of already. */
export type News = {
  event: LoggedEvent | null;
  rings: Ring[];
  /** When it was published, in ms; releases before this one do not say it. */
  at?: number;
};

/** Marks have changed in one of a person's tabs. */
export type Marks = { about: "marks"; unseen: number; revision: number; lastSeq: number; seqs: number[] };

/** The other in a conversation has seen what this person wrote, up to a message. */
export type Seen = { about: "seen"; enquiryId: number; messageId: number; at: Date };

const RINGS_IN_ONE = 500;

type Written = Omit<News, "event"> & { event: ReturnType<typeof asSaid> | null };

/** A number is read in a third of the time that a date's text takes; releases before this one read both. */
function asSaid(event: LoggedEvent) {
  return { ...event, occurredAt: event.occurredAt.getTime() };
}

/** What to publish of an event: rings by the hundred, since ten thousand messages would cost more than what they say. */
export function writeNews(event: LoggedEvent, rings: Ring[]): string[] {
  const news: Written[] = [{ event: asSaid(event), rings: rings.slice(0, RINGS_IN_ONE), at: Date.now() }];
  for (let at = RINGS_IN_ONE; at < rings.length; at += RINGS_IN_ONE) {
    news.push({ event: null, rings: rings.slice(at, at + RINGS_IN_ONE) });
  }
  return news.map((one) => JSON.stringify(one));
}

/** What a message on the channel "events" says. */
export function readNews(body: string): News {
  const news: News = JSON.parse(body);
  // In JSON a time is a number, or a text from releases before this one.
  if (news.event) news.event.occurredAt = new Date(news.event.occurredAt);
  return news;
}

export function writeMarks({ unseen, revision, lastSeq, seqs }: Omit<Marks, "about">): string {
  return JSON.stringify({ about: "marks", unseen, revision, lastSeq, seqs });
}

export function writeSeen({ enquiryId, messageId, at }: Omit<Seen, "about">): string {
  return JSON.stringify({ about: "seen", ...NO_MARKS, enquiryId, messageId, at });
}

// The release before this one takes all that it hears on this channel for marks, and these for old ones.
const NO_MARKS = { unseen: 0, revision: -1, lastSeq: 0, seqs: [] };

/** What a message on a person's channel says. */
export function readPersonal(body: string): Marks | Seen {
  const { about = "marks", ...said } = JSON.parse(body);
  return about === "seen" ? { ...said, about, at: new Date(said.at) } : { ...said, about };
}
