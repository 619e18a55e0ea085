import type { Kysely } from "kysely";
import type { Database, Role } from "../db.ts";
import type { InboxHead } from "../notifications/heads.ts";
import type { Standing } from "./cursor.ts";
import { MOST_TOASTS, marksFragment, noticeFragment, summaryFragment, toastsOf } from "./fragments.ts";
import type { Hub } from "./hub.ts";
import { type MarketCards, marketSince, reread } from "./market.ts";
import { oversightSince } from "./oversight.ts";
import type { Reads } from "./reads.ts";

type Parts = { db: Kysely<Database>; hub: Pick<Hub, "talks">; cards: MarketCards; reads: Reads };
type Asked = { standing: Standing; since: Date | null; head: InboxHead };

const NOTHING = { notices: [], earlier: 0 };

/**
 * What a page without a stream has missed, in the fragments that the stream would have brought; a page that it cannot go
 * on from is told to read itself again.
 * @returns an empty string when there is nothing
 */
export async function missedFragment(
  { db, hub, cards, reads }: Parts,
  viewer: { userId: number; role: Role },
  locale: string,
  { standing, since, head }: Asked,
): Promise<string> {
  const missed = standing.replayed > 0 ? await reads.missed(viewer.userId, standing.cursor, head.lastSeq) : NOTHING;
  // The answer says that it reaches up to the head; what has come since would be told again.
  const notices = missed.notices.filter(({ seq }) => seq <= head.lastSeq);
  const toasts = toastsOf({ ...missed, notices });
  const news =
    toasts > MOST_TOASTS
      ? summaryFragment(locale, notices, toasts, head)
      : notices.map((notice) => noticeFragment(locale, notice, head)).join("");
  const gone = since ? await reads.goneSince(viewer.userId, since) : [];
  const marks = gone.length > 0 ? marksFragment(locale, [], head, gone) : "";
  const market = since ? await marketSince(cards, viewer, locale, since) : "";
  const talk = since ? await hub.talks.missedFragment(viewer, locale, since) : "";
  const oversight = since && viewer.role === "admin" ? await oversightSince(db, locale, since) : "";
  const again = standing.state === "reset" ? reread(locale) : "";
  return again + news + marks + market + talk + oversight;
}
