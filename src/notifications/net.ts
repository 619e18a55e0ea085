import { type RawBuilder, sql } from "kysely";
import type { NetEdits } from "../events/catalogue.ts";
import { editsBetween } from "../events/edits.ts";
import type { LoggedEvent } from "../events/log.ts";

/** The edits of an event by themselves; null for every other kind, and for an event that does not say enough. */
export function editsOf(event: LoggedEvent): NetEdits | null {
  return event.kind === "listing_updated" && event.data.terms ? { ...event.data.terms, steps: 1 } : null;
}

/** The net of two, of which either may itself be of several: the same, as SQL. */
export function netOf(earlier: RawBuilder<unknown>, later: RawBuilder<unknown>): RawBuilder<NetEdits> {
  return sql`${later} || jsonb_build_object(
    'before', ${earlier} -> 'before',
    'text', (${earlier} ->> 'text')::boolean or (${later} ->> 'text')::boolean,
    'steps', (${earlier} ->> 'steps')::int + (${later} ->> 'steps')::int)`;
}

/** The last of the edits that became one notification, as it tells of all of them. */
export function withNet(event: LoggedEvent, net: NetEdits | null): LoggedEvent {
  if (!net || event.kind !== "listing_updated") return event;
  const { currency, unit } = net.after;
  return { ...event, data: { ...event.data, edits: editsBetween(net), steps: net.steps, currency, unit } };
}
