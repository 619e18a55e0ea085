import type { LoggedEvent } from "../events/log.ts";
import type { Reason } from "./kinds.ts";

// What the bus carries. An event goes once to every web process, on the channel "events", with a ring for each person
// whom it concerns. Where they are many, it goes alone, and each ring after it on its person's own channel: a few words,
// so that ten thousand of them cost little to write, and to read only where their people are.

/** One recipient's number for an event, and how their inbox stands with it. */
export type Ring = { eventId: number; seq: number; reason: Reason; unseen: number; revision: number };

/** Marks have changed in one of a person's tabs. */
export type Marks = { unseen: number; revision: number; lastSeq: number; seqs: number[] };

/** An event, and the rings that go with it. */
export type News = { event: LoggedEvent; rings: (Ring & { userId: number })[] };

export function writeNews(news: News): string {
  return JSON.stringify(news);
}

export function writeRing({ eventId, seq, reason, unseen, revision }: Ring): string {
  return `${eventId} ${seq} ${reason} ${unseen} ${revision}`;
}

export function writeMarks({ unseen, revision, lastSeq, seqs }: Marks): string {
  return JSON.stringify({ unseen, revision, lastSeq, seqs });
}

/** What a message on a person's channel says. */
export function readPersonal(body: string): Ring | Marks {
  if (body.startsWith("{")) return JSON.parse(body);
  const [eventId, seq, reason, unseen, revision] = body.split(" ");
  return {
    eventId: Number(eventId),
    seq: Number(seq),
    reason: reason as Reason,
    unseen: Number(unseen),
    revision: Number(revision),
  };
}

/** What a message on the channel "events" says. */
export function readNews(body: string): News {
  const news: News = JSON.parse(body);
  // In JSON a time is text.
  news.event.occurredAt = new Date(news.event.occurredAt);
  return news;
}
