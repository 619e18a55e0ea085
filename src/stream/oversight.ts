import type { Db } from "../db.ts";
import { type LoggedEvent, readSince } from "../events/log.ts";
import { peopleIn } from "../events/people.ts";
import { type Announcement, findAnnouncementOf, readMoved } from "../notifications/announcements.ts";
import { happenedIn } from "../notifications/kinds.ts";
import { render } from "../views.ts";
import { frame } from "./frames.ts";
import type { HubParts } from "./hub.ts";
import { reread } from "./market.ts";
import type { Stream } from "./stream.ts";

const MOST_AT_ONCE = 200;
const MOST_MOVED = 10;
// Far more than are read at once.
const SHOWN = 4096;

/**
 * The admins' live log: what happens, as the bus tells it, and what it has not told, as Postgres has it.
 * @param admins their streams, so that an event costs no look at those of everybody else
 */
export function createOversight({ db }: Pick<HubParts, "db">, admins: Set<Stream>) {
  // The ids that were shown last, each in its place: a Map of thousands of events a second would be swept up for ever.
  const shown = new Float64Array(SHOWN);

  return {
    happened(event: LoggedEvent): void {
      // Of what is told in batches the bus tells with each.
      if (shown[event.id % SHOWN] !== event.id) show([event]);
      if (event.kind === "announcement") void showProgress(event.id);
    },
    tell,
    /** Whatever happened since, as far as the bus has not told of it. */
    async showSince(since: Date): Promise<void> {
      if (admins.size === 0) return;
      const events = await readSince(db, since, MOST_AT_ONCE + 1);
      const news = events.filter(({ id }) => shown[id % SHOWN] !== id);
      if (news.length > MOST_AT_ONCE) tell(reread);
      show(news);
      const moved = await readMoved(db, since, MOST_MOVED);
      if (moved.length > 0) tell((locale) => progressFragment(locale, moved));
    },
  };

  async function showProgress(eventId: number): Promise<void> {
    if (admins.size === 0) return;
    // What cannot be read now is found by the sweep.
    const announcement = await findAnnouncementOf(db, eventId).catch(() => null);
    if (announcement) tell((locale) => progressFragment(locale, [announcement]));
  }

  function show(events: LoggedEvent[]): void {
    if (events.length === 0) return;
    for (const { id } of events) shown[id % SHOWN] = id;
    tell((locale) => oversightFragment(locale, events));
  }

  function tell(fragmentIn: (locale: string) => string): void {
    for (const { opened, connection, locale } of admins) {
      if (opened) connection.send("oversight", frame("oversight", fragmentIn(locale)));
    }
  }
}

/**
 * What happened since a time, as the admins' log shows it, and which announcements have moved on; of more than is told
 * one by one, that the page is to be read again. @returns an empty string when there is nothing
 */
export async function oversightSince(db: Db, locale: string, since: Date): Promise<string> {
  const events = await readSince(db, since, MOST_AT_ONCE + 1);
  if (events.length > MOST_AT_ONCE) return reread(locale);
  const log = events.length > 0 ? oversightFragment(locale, events) : "";
  return log + progressFragment(locale, await readMoved(db, since, MOST_MOVED));
}

/** Events as the admins' log shows them, each at its top. */
function oversightFragment(locale: string, events: LoggedEvent[]): string {
  return render("stream/oversight", locale, { events, happenedIn, peopleIn });
}

/** How far announcements have come, for whoever has the page of them open. */
function progressFragment(locale: string, announcements: Announcement[]): string {
  return announcements.map((announcement) => render("stream/announcement", locale, { announcement })).join("");
}
