import type { EventRow } from "./catalogue.ts";

type Concerned = { title: string; sellerId?: number; buyerId?: number | null; reservedFor?: number | null };

/**
 * The people whom an event is about: whoever did it, the seller, and the buyer if there is one. The database's own
 * event_people() says the same, for its index.
 */
export function peopleIn({ actorId, data }: Pick<EventRow, "actorId" | "data">): number[] {
  const { sellerId, buyerId, reservedFor }: Concerned = data;
  return [actorId, sellerId, buyerId, reservedFor].filter((id) => id !== null && id !== undefined);
}
