import type { ListingStatus, Role } from "../db.ts";
import type { Offer } from "../notifications/kinds.ts";
import { noteFor } from "../notifications/standing.ts";
import { together } from "../together.ts";
import { render } from "../views.ts";
import { frame } from "./frames.ts";
import type { HubParts } from "./hub.ts";
import type { Stream } from "./stream.ts";

/** What the stream must know of a listing; the views take the rest as it comes from the marketplace. */
export type Card = {
  id: number;
  version: number;
  status: ListingStatus;
  sellerId: number;
  reservedFor: number | null;
  updatedAt: Date;
};

/** The marketplace's own readings, handed in: this room shows cards and does not know how they are made. */
export type MarketCards = {
  find(ids: number[]): Promise<Card[]>;
  changedSince(since: Date, limit: number): Promise<Card[]>;
};

const INTERVAL_MS = 250;
const MOST_AT_ONCE = 100;
const MOST_IN_SWEEP = 1000;
const STREAMS_AT_ONCE = 250;
const BYTES_AT_ONCE = 500_000;

/**
 * The cards of listings that changed, on every page that shows one. At most four messages a second for each stream
 * whatever the rate; the latest state of each listing wins. Sellers get those of their own listings only.
 */
export function createMarket({ cards, log }: Pick<HubParts, "cards" | "log">, streams: Set<Stream>) {
  const changed = new Set<number>();
  const shown = new Map<number, Card>();
  let timer: NodeJS.Timeout | null = null;
  let flushedAt = 0;
  let showing = Promise.resolve();
  // Those who come back together went together: what changed since then is read and rendered once for all of them.
  const sinceSecond = together(async (seconds: number[]) => {
    const read = seconds.map(async (second) => {
      const found = await cards.changedSince(new Date(second * 1000), MOST_AT_ONCE + 1);
      return [second, { found, memory: newMemory(found) }] as const;
    });
    return new Map(await Promise.all(read));
  });

  return {
    /** The bus has told that a listing changed. */
    changed(listingId: number): void {
      // With nobody to tell, and above all after the end of the last stream, there is nothing to read.
      if (streams.size === 0) return;
      changed.add(listingId);
      timer ??= setTimeout(() => void flush(), Math.max(0, flushedAt + INTERVAL_MS - Date.now()));
    },
    /** What has changed since a page was rendered, for its stream that has just opened. */
    async showSince(stream: Stream, since: Date): Promise<void> {
      const { found, memory } = (await sinceSecond(Math.floor(since.getTime() / 1000))) ?? NOTHING;
      if (found.length <= MOST_AT_ONCE) send(stream, found, memory);
      else stream.connection.send("market", frame("market", reread(stream.locale)));
    },
    /** The same for every stream, as far as the bus has not told of it. */
    async showAllSince(since: Date): Promise<void> {
      for (const card of shown.values()) if (card.updatedAt < since) shown.delete(card.id);
      const found = await cards.changedSince(since, MOST_IN_SWEEP);
      await showAll(found.filter((card) => (shown.get(card.id)?.version ?? 0) < card.version));
    },
    stop(): void {
      if (timer) clearTimeout(timer);
    },
  };

  async function flush(): Promise<void> {
    const told = [...changed];
    changed.clear();
    flushedAt = Date.now();
    try {
      await showAll(await cards.find(told));
    } catch (error) {
      log.warn({ err: error }, "changed cards could not be read");
    }
    timer = changed.size > 0 ? setTimeout(() => void flush(), INTERVAL_MS) : null;
  }

  /** One after the other, so that no card is followed by an older one. */
  function showAll(found: Card[]): Promise<void> {
    const shown = showing.then(() => showEach(found));
    showing = shown.catch(() => {});
    return shown;
  }

  /** To ten thousand streams it takes a while, in which others have something to be told as well. */
  async function showEach(found: Card[]): Promise<void> {
    if (found.length === 0) return;
    const memory = newMemory(found);
    for (const card of found) shown.set(card.id, card);
    let [sent, bytes] = [0, 0];
    for (const stream of streams) {
      if (sent >= STREAMS_AT_ONCE || bytes >= BYTES_AT_ONCE) {
        await new Promise(setImmediate);
        [sent, bytes] = [0, 0];
      }
      sent += 1;
      bytes += send(stream, found, memory);
    }
  }
}

/**
 * What has been rendered and formatted already: all of a role are shown the same, and share its bytes, but for those whose
 * listing it is or for whom it is reserved.
 */
type Memory = {
  cards: Map<string, string>;
  theirs: Set<number>;
  common: Record<Role, Map<string, Buffer | null>>;
};

function newMemory(found: Card[] = []): Memory {
  const theirs = new Set(found.flatMap(({ sellerId, reservedFor }) => [sellerId, reservedFor ?? sellerId]));
  return { cards: new Map(), theirs, common: { buyer: new Map(), seller: new Map(), admin: new Map() } };
}

const NOTHING: { found: Card[]; memory: Memory } = { found: [], memory: newMemory() };

/** @returns how many bytes went out */
function send(stream: Stream, found: Card[], memory: Memory): number {
  if (!stream.opened) return 0;
  const { locale, role, userId } = stream;
  const common = memory.theirs.has(userId) ? undefined : memory.common[role];
  let bytes = common?.get(locale);
  if (bytes === undefined) {
    const shown = shownTo(stream, found);
    bytes = shown.length > 0 ? Buffer.from(frame("market", fragmentOf(shown, locale, memory.cards))) : null;
    common?.set(locale, bytes);
  }
  if (bytes) stream.connection.send("market", bytes);
  return bytes?.length ?? 0;
}

/**
 * What changed since a page was made or last heard from us, as fragments that find their places by themselves. Of more
 * than a hundred a page shows few: it is told to read itself again instead.
 */
export async function marketSince(
  cards: MarketCards,
  viewer: { userId: number; role: Role },
  locale: string,
  since: Date,
): Promise<string> {
  const found = await cards.changedSince(since, MOST_AT_ONCE + 1);
  return found.length > MOST_AT_ONCE ? reread(locale) : fragmentOf(shownTo(viewer, found), locale);
}

/** More has changed than a page shows: it is told to read itself again. */
export function reread(locale: string): string {
  return render("stream/reread", locale, {});
}

type Shown = { card: Card; part: "owner" | "reserved" | "other" };

/** The cards that this person may be shown, each as theirs to act on or not. */
function shownTo(viewer: { userId: number; role: Role }, found: Card[]): Shown[] {
  const mine = found.filter((card) => viewer.role !== "seller" || card.sellerId === viewer.userId);
  return mine.map((card) => ({ card, part: partOf(viewer, card) }));
}

function fragmentOf(shown: Shown[], locale: string, known: Map<string, string> = new Map()): string {
  return shown.map(({ card, part }) => cardFragment(card, part, locale, known)).join("");
}

function cardFragment(listing: Card, part: Shown["part"], locale: string, rendered: Map<string, string>): string {
  const key = `${listing.id} ${part} ${locale}`;
  const known = rendered.get(key);
  if (known !== undefined) return known;
  const withheld = part === "other" && listing.status === "withdrawn";
  const html = render("stream/market", locale, { listing, part, withheld, notes: notesOf(listing, part) });
  rendered.set(key, html);
  return html;
}

/** What has become of either offer of it, as far as it no longer holds; null for those who can have been made none. */
function notesOf({ status }: Card, part: Shown["part"]) {
  if (part === "owner") return null;
  const offers: Offer[] = ["open", "yours"];
  const notes = offers.map((offer) => [offer, noteFor(offer, { status, theirs: part === "reserved" })] as const);
  return notes.filter(([, note]) => note !== null);
}

function partOf(viewer: { userId: number; role: Role }, card: Card): Shown["part"] {
  if (viewer.role === "admin" || card.sellerId === viewer.userId) return "owner";
  return card.reservedFor === viewer.userId ? "reserved" : "other";
}
