import { type RawBuilder, sql } from "kysely";
import type { Role } from "../db.ts";
import type { AnnouncedTo, EventKind, EventRow } from "../events/catalogue.ts";
import { kinds } from "./kinds.ts";
import { type Reason, reasons } from "./reasons.ts";

/**
 * Why somebody whom an event would concern is not told of it: it is their own doing; they are suspended, or no longer of
 * the role that the reason is for; they have switched the kind off, or muted the listing.
 */
export type Refusal = "actor" | "suspended" | "role" | "off" | "muted";

/** Somebody whom an event concerns, and what comes of it: `quiet` is told in the inbox, but without a toast. */
type Verdict = { user_id: number; reason: Reason; quiet: boolean; why: Refusal | null };

/**
 * Whom an event concerns and why, as a query of (user_id, reason, quiet, why): each person once, with the first reason
 * for which they may be told. Those with `why` null are told: only people who may still know, active and with the role
 * that the reason is for, and never the actor; and nobody who has switched the kind off or muted the listing, unless the
 * reason is not optional.
 */
export function verdictsOn(event: EventRow): RawBuilder<Verdict> {
  const kind = kinds[event.kind] as { audience: readonly Reason[]; buyer?: (data: EventRow["data"]) => number | null };
  const buyer = kind.buyer?.(event.data) ?? null;
  const sources = kind.audience.map((reason, rank) => source(event, reason, buyer, rank));
  if (sources.length === 0) {
    return sql`select null::bigint as user_id, null::text as reason, null::boolean as quiet, null::text as why where false`;
  }
  return sql`
    select concerned.user_id, concerned.reason, (choice.shown is not null or coalesce(${inQuietHours}, false)) as quiet,
      coalesce(barred, case when choice.shown = 'off' then 'off' when mutes.user_id is not null then 'muted' end) as why
    from (
      select distinct on (told.user_id) told.user_id, told.reason, told.optional, told.barred
      from (
        select told.*, case when told.user_id = ${event.actorId}::bigint then 'actor'
          when users.status <> 'active' then 'suspended' when users.role <> told.role then 'role' end as barred
        from (${sql.join(sources, sql` union all `)}) told join users on users.id = told.user_id
      ) told
      order by told.user_id, told.barred is not null, told.rank
    ) concerned
    left join preferences on preferences.user_id = concerned.user_id
    left join kind_preferences choice
      on choice.user_id = concerned.user_id and choice.kind = ${event.kind} and concerned.optional
    left join mutes
      on mutes.user_id = concerned.user_id and mutes.listing_id = ${mutableListingOf(event)} and concerned.optional`;
}

const localTime = sql`(now() at time zone preferences.time_zone)::time`;

// By the database's clock in the person's own time zone. What ends earlier than it begins passes midnight.
const inQuietHours = sql`
  case when preferences.quiet_from < preferences.quiet_to
    then ${localTime} >= preferences.quiet_from and ${localTime} < preferences.quiet_to
    else ${localTime} >= preferences.quiet_from or ${localTime} < preferences.quiet_to
  end`;

/** Muting a listing is about what happens to it: the messages of one's own conversations still come. */
function mutableListingOf(event: EventRow): RawBuilder<number | null> {
  return sql`${event.enquiryId === null ? event.listingId : null}::bigint`;
}

function source(event: EventRow, reason: Reason, buyer: number | null, rank: number): RawBuilder<unknown> {
  const { role, optional } = reasons[reason];
  const why = sql`
    ${reason}::text as reason, ${role}::text as role, ${optional}::boolean as optional, ${rank}::int as rank`;
  switch (reason) {
    case "reserved_for_you":
    case "your_reservation":
      return sql`select ${buyer}::bigint as user_id, ${why}`;
    case "your_listing":
      return sql`select ${"sellerId" in event.data ? event.data.sellerId : null}::bigint as user_id, ${why}`;
    case "watching":
      return sql`select watches.user_id, ${why} from watches where watches.listing_id = ${event.listingId}`;
    case "your_enquiry":
      // An answer concerns the two of its thread; what happens to a listing concerns everybody who asked about it.
      return isAnswer(event.kind)
        ? sql`select ${buyer}::bigint as user_id, ${why}`
        : sql`select enquiries.buyer_id as user_id, ${why} from enquiries where enquiries.listing_id = ${event.listingId}`;
    case "announced_to_buyers":
    case "announced_to_sellers":
      // Those of other roles are not concerned: there may be a hundred times as many of them.
      return sql`select users.id as user_id, ${why} from users where users.role = ${role} and ${isAnnouncedTo(event, role)}`;
  }
}

function isAnnouncedTo({ data }: EventRow, role: Role): boolean {
  return "to" in data && rolesOf(data.to).includes(role);
}

/** The roles of those to whom something is announced. */
export function rolesOf(to: AnnouncedTo): Role[] {
  return to === "everybody" ? ["buyer", "seller"] : [to];
}

function isAnswer(kind: EventKind): boolean {
  return kind === "enquiry_replied";
}
