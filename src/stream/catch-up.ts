import type { Db } from "../db.ts";
import type { LoggedEvent } from "../events/log.ts";
import type { Metrics } from "../metrics.ts";
import { isAnythingGoneSince, readGoneSince } from "../notifications/gone.ts";
import { type Notice, readThese } from "../notifications/inbox.ts";
import type { Marks } from "../notifications/messages.ts";
import { isQuiet } from "../notifications/rows.ts";
import type { Badge } from "./badges.ts";
import { MOST_TOASTS, marksFrame, noticeFrame, standingFrame, summaryFragment, toastsOf } from "./fragments.ts";
import { frame } from "./frames.ts";
import type { Missed, Reads } from "./reads.ts";
import type { Sightings } from "./sightings.ts";
import type { Person, Stream } from "./stream.ts";

type Parts = { reads: Reads; metrics: Metrics; sightings: Sightings };

/**
 * Brings a stream up to its person's last number, from Postgres. The one path for connect, reconnect, a gap, the bus
 * coming back and the sweep. What rings meanwhile raises `person.last`, so that it is read in the next round.
 */
export async function catchUp(parts: Parts, person: Person, stream: Stream): Promise<void> {
  if (stream.reading) return;
  stream.reading = true;
  try {
    while (stream.cursor < person.last && !stream.connection.ended) {
      const before = stream.cursor;
      await readOn(parts, person, stream);
      if (stream.cursor === before) return;
    }
  } finally {
    stream.reading = false;
  }
}

async function readOn({ reads, metrics, sightings }: Parts, person: Person, stream: Stream): Promise<void> {
  const head = await reads.head(person.userId);
  note(person, head);
  const read = await reads.missed(person.userId, stream.cursor, head.lastSeq);
  // The bell may have brought some of them meanwhile.
  const notices = read.notices.filter(({ seq }) => seq > stream.cursor);
  if (stream.connection.ended) return;
  metrics.catchupRows.inc(notices.length);
  if (notices.length > 0) writeNotices(sightings, stream, { notices, earlier: read.earlier }, person);
  if (stream.connection.ended) return;
  // Without a bell they come late, and that is to be seen in the figures.
  for (const { event } of notices) observeDelivery(metrics, event);
  // The last numbers may be of what has been taken back: nothing is shown of them, and nothing waits for them.
  if (stream.cursor >= head.lastSeq) return;
  stream.connection.send("inbox", standingFrame(stream.locale, person, head.lastSeq));
  stream.cursor = head.lastSeq;
}

/** Writes notices that follow the stream's cursor: each by itself, or many as one summary. */
export function writeNotices(
  sightings: Sightings,
  stream: Stream,
  { notices, earlier }: Missed,
  badge: { unseen: number; revision: number },
): void {
  const last = notices.at(-1)?.seq ?? stream.cursor;
  const toasts = toastsOf({ notices, earlier });
  if (toasts > MOST_TOASTS) {
    stream.connection.send("toast", frame("toast", summaryFragment(stream.locale, notices, toasts, badge), last));
  } else {
    for (const notice of notices) {
      stream.connection.send(isQuiet(notice) ? "inbox" : "toast", noticeFrame(stream.locale, notice, badge));
    }
  }
  // A reader who is too slow has been cut instead.
  if (!stream.connection.ended) for (const { seq } of notices) sightings.written(stream.userId, seq, false);
  stream.cursor = last;
}

/**
 * Sends marks, and how the inbox stands, to a page that is open already.
 * @param gone the numbers of rows whose place others have taken
 */
export function sendMarks(stream: Stream, notices: Notice[], badge: Badge, gone: number[] = []): void {
  if (stream.opened) stream.connection.send("inbox", marksFrame(stream.locale, notices, badge, gone));
}

/**
 * Marks have changed in one of a person's tabs: all of them show it. Marks know of every number that has been given out:
 * what a stream has not been told yet is read, so that a late bell brings nothing that has been taken back.
 */
export async function showMarks(parts: Parts & { db: Db }, person: Person, marks: Marks): Promise<void> {
  note(person, marks);
  const notices = await readThese(parts.db, person.userId, marks.seqs).catch(() => null);
  const gone = notices ? marks.seqs.filter((seq) => !notices.some((notice) => notice.seq === seq)) : [];
  for (const stream of person.streams) {
    sendMarks(stream, notices ?? [], person, gone);
    // A database that is away is asked again by the next sweep.
    if (stream.opened && stream.cursor < person.last) void catchUp(parts, person, stream).catch(() => {});
  }
}

/** Takes off the screens what was taken back since a time. What is gone already is not there to go again. */
export async function takeAwaySince(db: Db, people: Iterable<Person>, since: Date): Promise<void> {
  if (!(await isAnythingGoneSince(db, since))) return;
  const asks = [...people].map((person) => ({ person, userId: person.userId, since }));
  if (asks.length === 0) return;
  for (const [{ person }, gone] of await readGoneSince(db, asks)) {
    if (gone.length > 0) for (const stream of person.streams) sendMarks(stream, [], person, gone);
  }
}

/** Takes in how an inbox stands; an older state never replaces a newer one. */
export function note(person: Person, head: { lastSeq: number; unseen: number; revision: number }): void {
  person.last = Math.max(person.last, head.lastSeq);
  if (head.revision < person.revision) return;
  person.unseen = head.unseen;
  person.revision = head.revision;
}

/** What happened then has just been written to a stream that was there to be told. */
export function observeDelivery(metrics: Metrics, event: LoggedEvent | undefined): void {
  // Most of what is told in batches waits for its turn: that says nothing of how fast we are.
  if (event?.kind === "announcement") return;
  const now = Date.now();
  metrics.delivered(Math.max(0, now - (event?.occurredAt.getTime() ?? now)) / 1000);
}
