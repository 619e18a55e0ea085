import type { LoggedEvent } from "../events/log.ts";
import type { Ring } from "../notifications/messages.ts";
import { withNet } from "../notifications/net.ts";
import type { Reason } from "../notifications/reasons.ts";
import type { Badge } from "./badges.ts";
import { prepareNews } from "./stencils.ts";

// More than workers deliver at the same time.
const MOST = 64;

/** How an event is told to those who hear of it for the same reason, in the same locale. */
type Look = { locale: string; reason: Reason; quiet: boolean; net: string; tell: ReturnType<typeof prepareNews> };
type Known = { event: LoggedEvent; looks: Look[] };

/** The events that were heard of last, and how each is told: made once for all who hear of it for the same reason. */
export class RecentEvents {
  // By the rest of its number each has a place, which a later one takes. A Map that is filled and emptied leaves tables
  // behind that keep nearly all of them from being swept up young: V8's short sweeps took 7 ms instead of 0.7.
  readonly #known: (Known | undefined)[] = new Array(MOST).fill(undefined);

  add(event: LoggedEvent): void {
    if (!this.find(event.id)) this.#known[event.id % MOST] = { event, looks: [] };
  }

  find(id: number): LoggedEvent | undefined {
    return this.#at(id)?.event;
  }

  /** @returns the frame that tells of a ring, or undefined when its event is none of these and has to be read */
  frameOf(ring: Omit<Ring, "userId">, locale: string, badge: Badge): string | undefined {
    const known = this.#at(ring.eventId);
    if (!known) return undefined;
    const { reason, quiet = false } = ring;
    const net = ring.net ? JSON.stringify(ring.net) : "";
    let look = known.looks.find(
      (one) => one.locale === locale && one.reason === reason && one.quiet === quiet && one.net === net,
    );
    if (!look) {
      const tell = prepareNews(locale, withNet(known.event, ring.net ?? null), { reason, quiet });
      look = { locale, reason, quiet, net, tell };
      known.looks.push(look);
    }
    return look.tell(ring.seq, badge);
  }

  #at(id: number): Known | undefined {
    const known = this.#known[id % MOST];
    return known?.event.id === id ? known : undefined;
  }
}
