import type { LoggedEvent } from "../events/log.ts";
import type { Reason } from "./kinds.ts";

// What the bus carries. An event goes once to every web process, on the channel "events". After it, on the channel of
// each person whom it concerns, goes a ring: a few words, so that ten thousand of them cost little to write and to read.

/** One recipient's number for an event, and how their inbox stands with it. */
export type Ring = { eventId: number; seq: number; reason: Reason; unseen: number; revision: number };

/** Marks have changed in one of a person's tabs. */
export type Marks = { unseen: number; revision: number; lastSeq: number; seqs: number[] };

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

/** An event that came as JSON, with its times as dates again. */
export function readEvent(body: string): LoggedEvent {
  const event: LoggedEvent = JSON.parse(body);
  return { ...event, occurredAt: new Date(event.occurredAt) };
}
