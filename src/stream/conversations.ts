import type { Role } from "../db.ts";
import type { LoggedEvent } from "../events/log.ts";
import type { Seen } from "../notifications/messages.ts";
import { together } from "../together.ts";
import { render } from "../views.ts";
import { frame } from "./frames.ts";
import type { HubParts } from "./hub.ts";
import { reread } from "./market.ts";
import type { Person, Stream } from "./stream.ts";

/** What the stream must know of a thread and what is new in it; the views take the rest as it comes from the marketplace. */
export type Talk = {
  thread: {
    id: number;
    buyerId: number;
    sellerId: number;
    buyerSeenId: number;
    buyerSeenAt: Date | null;
    sellerSeenId: number;
    sellerSeenAt: Date | null;
  };
  messages: { id: number }[];
};

type Viewer = { userId: number; role: Role };
type Ask = Viewer & { since: Date };

/** The marketplace's own readings, handed in: this room shows conversations and does not know how they are kept. */
export type Talks = {
  find(messageIds: number[]): Promise<Talk[]>;
  movedSince(since: Date, limit: number): Promise<Talk[]>;
  missed(asks: Ask[], limit: number): Promise<Map<Ask, Talk[]>>;
  seenOf(thread: Talk["thread"], userId: number): { id: number; at: Date | null } | null;
};

const MOST_MISSED = 50;
const MOST_IN_SWEEP = 1000;
// Far more than are read at once.
const TOLD = 4096;

export type Conversations = ReturnType<typeof createConversations>;

/**
 * What is written and seen in conversations, on every page of their two people and on nobody else's: admins may read
 * threads, but are sent none of it. The ids keep messages in order and from showing twice, whatever comes late or again.
 */
export function createConversations({ talks, log }: Pick<HubParts, "talks" | "log">, people: Map<number, Person>) {
  // The messages that were shown last, and those of which it was shown that they were seen, each in its place.
  const shown = new Float64Array(TOLD);
  const shownSeen = new Float64Array(TOLD);
  const read = together(async (ids: number[]) => {
    const found = await talks.find(ids);
    return new Map(
      found.flatMap(({ thread, messages }) => messages.map((one) => [one.id, { thread, messages: [one] }])),
    );
  });
  const missedBy = together((asks: Ask[]) => talks.missed(asks, MOST_MISSED + 1), 100);

  return {
    /** The bus has told of a message. */
    async happened({ data }: LoggedEvent): Promise<void> {
      if (!("messageId" in data) || !data.messageId || !isHere(data)) return;
      const talk = await read(data.messageId).catch((error) => {
        log.warn({ err: error }, "a message could not be read yet");
      });
      if (talk) show(talk);
    },
    /** The bus has told that what a person wrote was seen. */
    seen({ streams }: Person, { enquiryId, messageId, at }: Seen): void {
      shownSeen[messageId % TOLD] = messageId;
      for (const stream of streams) {
        if (!stream.opened) continue;
        const data = { threadId: enquiryId, seen: { id: messageId, at }, oob: true };
        stream.connection.send("inbox", frame("inbox", render("marketplace/seen", stream.locale, data)));
      }
    },
    /** Whatever was written or seen since, as far as the bus has not told of it. */
    async showAllSince(since: Date): Promise<void> {
      for (const { thread, messages } of await talks.movedSince(since, MOST_IN_SWEEP)) {
        const news = messages.filter(({ id }) => shown[id % TOLD] !== id);
        const seen = [thread.buyerSeenId, thread.sellerSeenId].some((id) => id > 0 && shownSeen[id % TOLD] !== id);
        if (news.length > 0 || seen) show({ thread, messages: news });
      }
    },
    /** A stream that has just opened is shown what was written and seen since its page was rendered. */
    async showSince(stream: Stream, since: Date): Promise<void> {
      const html = await missedFragment(stream, stream.locale, since);
      if (html) stream.connection.send("inbox", frame("inbox", html));
    },
    missedFragment,
  };

  /** What somebody's page has missed since a time, as a fragment; empty when there is nothing. */
  async function missedFragment({ userId, role }: Viewer, locale: string, since: Date): Promise<string> {
    if (role === "admin") return "";
    const missed = (await missedBy({ userId, role, since })) ?? [];
    const count = missed.reduce((sum, { messages }) => sum + Math.max(1, messages.length), 0);
    if (count > MOST_MISSED) return reread(locale);
    return missed.map((talk) => fragmentOf(talk, { userId, role }, locale)).join("");
  }

  function isHere({ sellerId, buyerId }: { sellerId: number; buyerId: number }): boolean {
    return people.has(sellerId) || people.has(buyerId);
  }

  function show(talk: Talk): void {
    const { thread, messages } = talk;
    for (const { id } of messages) shown[id % TOLD] = id;
    for (const id of [thread.buyerSeenId, thread.sellerSeenId]) shownSeen[id % TOLD] = id;
    showTo({ userId: thread.buyerId, role: "buyer" }, talk);
    showTo({ userId: thread.sellerId, role: "seller" }, talk);
  }

  function showTo(viewer: Viewer, talk: Talk): void {
    const frames = new Map<string, string>();
    for (const stream of people.get(viewer.userId)?.streams ?? []) {
      if (!isFor(viewer, stream)) continue;
      const known = frames.get(stream.locale);
      const text = known ?? frame("inbox", fragmentOf(talk, viewer, stream.locale));
      frames.set(stream.locale, text);
      stream.connection.send("inbox", text);
    }
  }

  function fragmentOf({ thread, messages }: Talk, { userId, role }: Viewer, locale: string): string {
    const seen = talks.seenOf(thread, userId);
    return render("stream/conversation", locale, { thread, messages, viewer: { id: userId, role }, seen });
  }
}

// Who has become a seller or an admin reads a buyer's threads no longer.
function isFor(viewer: Viewer, stream: Stream): boolean {
  return stream.opened && stream.role === viewer.role;
}
