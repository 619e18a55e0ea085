import type { NetEdits } from "../events/catalogue.ts";
import type { LoggedEvent } from "../events/log.ts";
import type { Reason } from "./kinds.ts";

// What the bus carries. On the channel "events" every web process hears of each event, with a ring for each person whom
// it concerns; on a person's own channel, of what they have marked in one of their tabs.

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
export type News = { event: LoggedEvent | null; rings: Ring[] };

/** Marks have changed in one of a person's tabs. */
export type Marks = { unseen: number; revision: number; lastSeq: number; seqs: number[] };

const RINGS_IN_ONE = 500;

/** What to publish of an event: rings by the hundred, since ten thousand messages would cost more than what they say. */
export function writeNews(event: LoggedEvent, rings: Ring[]): string[] {
  const news: News[] = [{ event, rings: rings.slice(0, RINGS_IN_ONE) }];
  for (let at = RINGS_IN_ONE; at < rings.length; at += RINGS_IN_ONE) {
    news.push({ event: null, rings: rings.slice(at, at + RINGS_IN_ONE) });
  }
  return news.map((one) => JSON.stringify(one));
}

/** What a message on the channel "events" says. */
export function readNews(body: string): News {
  const news: News = JSON.parse(body);
  // In JSON a time is text.
  if (news.event) news.event.occurredAt = new Date(news.event.occurredAt);
  return news;
}

export function writeMarks({ unseen, revision, lastSeq, seqs }: Marks): string {
  return JSON.stringify({ unseen, revision, lastSeq, seqs });
}

/** What a message on a person's channel says. */
export function readMarks(body: string): Marks {
  return JSON.parse(body);
}
