import { type RawBuilder, sql } from "kysely";
import type { EventKind, EventRow } from "../events/catalogue.ts";
import { kinds, type Reason, reasons } from "./kinds.ts";

/**
 * Who is told of an event and why, as a query of (user_id, reason), each person once with the reason that comes first.
 * Only people who may still know are in it: active, with the role that the reason is for, and never the actor.
 */
export function audienceOf(event: EventRow): RawBuilder<{ user_id: number; reason: Reason; quiet: boolean }> {
  const kind = kinds[event.kind] as { audience: readonly Reason[]; buyer?: (data: EventRow["data"]) => number | null };
  const buyer = kind.buyer?.(event.data) ?? null;
  const sources = kind.audience.map((reason, rank) => source(event, reason, buyer, rank));
  if (sources.length === 0)
    return sql`select null::bigint as user_id, null::text as reason, false as quiet where false`;
  return sql`
    select distinct on (told.user_id) told.user_id, told.reason, false as quiet
    from (${sql.join(sources, sql` union all `)}) told
    join users on users.id = told.user_id and users.status = 'active' and users.role = told.role
    where told.user_id is distinct from ${event.actorId}::bigint
    order by told.user_id, told.rank`;
}

function source(event: EventRow, reason: Reason, buyer: number | null, rank: number): RawBuilder<unknown> {
  const why = sql`${reason}::text as reason, ${reasons[reason].role}::text as role, ${rank}::int as rank`;
  switch (reason) {
    case "reserved_for_you":
    case "your_reservation":
      return sql`select ${buyer}::bigint as user_id, ${why}`;
    case "your_listing":
      return sql`select ${event.data.sellerId}::bigint as user_id, ${why}`;
    case "watching":
      return sql`select watches.user_id, ${why} from watches where watches.listing_id = ${event.listingId}`;
    case "your_enquiry":
      // An answer concerns the two of its thread; what happens to a listing concerns everybody who asked about it.
      return isAnswer(event.kind)
        ? sql`select ${buyer}::bigint as user_id, ${why}`
        : sql`select enquiries.buyer_id as user_id, ${why} from enquiries where enquiries.listing_id = ${event.listingId}`;
  }
}

function isAnswer(kind: EventKind): boolean {
  return kind === "enquiry_replied";
}
