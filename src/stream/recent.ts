import type { LoggedEvent } from "../events/log.ts";
import type { Ring } from "../notifications/messages.ts";
import { type Badge, prepareNews } from "./fragments.ts";

const MOST = 200;

type Known = { event: LoggedEvent; prepared: Map<string, ReturnType<typeof prepareNews>> };

/** The events that were heard of last, and how each is told: made once for all who hear of it for the same reason. */
export class RecentEvents {
  readonly #known = new Map<number, Known>();

  add(event: LoggedEvent): void {
    if (this.#known.has(event.id)) return;
    this.#known.set(event.id, { event, prepared: new Map() });
    if (this.#known.size <= MOST) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  find(id: number): LoggedEvent | undefined {
    return this.#known.get(id)?.event;
  }

  /** @returns the frame that tells of a ring, or undefined when its event is none of these and has to be read */
  frameOf(ring: Ring, locale: string, badge: Badge): string | undefined {
    const known = this.#known.get(ring.eventId);
    if (!known) return undefined;
    const key = `${ring.reason} ${locale}`;
    let prepared = known.prepared.get(key);
    if (!prepared) {
      prepared = prepareNews(locale, known.event, ring.reason);
      known.prepared.set(key, prepared);
    }
    return prepared(ring.seq, badge);
  }
}
