import { z } from "zod";
import type { EventKind } from "../events/catalogue.ts";
import { parseForm } from "../forms.ts";
import { kinds } from "../notifications/kinds.ts";
import { canonicalZone } from "../time-zones.ts";

const text = z
  .string()
  .default("")
  .transform((typed) => typed.replaceAll("\u0000", "").trim().slice(0, 200));
const moment = z
  .string()
  .default("")
  .transform((typed) => typed.trim())
  .pipe(z.string().regex(/^(\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?)?$/, "Enter a day and a time."))
  .refine((typed) => typed === "" || isThere(typed), "There is no such day.");

const zone = z
  .string()
  .catch("UTC")
  .transform((given) => canonicalZone(given) ?? "UTC");

const form = z
  .object({
    kind: z.union([z.enum(Object.keys(kinds) as [EventKind, ...EventKind[]]), z.literal("")]).catch(""),
    person: text,
    listing: text,
    from: moment,
    to: moment,
    zone,
    before: z.coerce.number().int().positive().nullable().catch(null),
  })
  .refine(({ from, to }) => !from || !to || from < to, { path: ["to"], error: "Enter a time after the first." });

/**
 * What an admin wants to see of the log, as typed: "" where it is all the same. A person or a listing is an id or words
 * to look for; times are local to `zone`.
 */
export type LogFilter = z.output<typeof form>;

// JavaScript takes the 30th of February for a day in March, and knows a year 0; the database does neither.
function isThere(moment: string): boolean {
  const read = new Date(`${moment}Z`);
  return !Number.isNaN(read.getTime()) && read.toISOString().startsWith(moment.slice(0, 16)) && moment >= "0001";
}

/** @throws InvalidError with a message for each field that is wrong */
export function parseLogFilter(query: unknown): LogFilter {
  return parseForm(form, query);
}

/** The zone of what was typed, also where something else of it is wrong. */
export function zoneOf(query: { zone?: unknown }): string {
  return zone.parse(query.zone);
}

/** The address of a view of the log. */
export function logAddress(filter: Partial<Record<keyof LogFilter, string | number | null>>): string {
  const { zone, ...chosen } = filter;
  const timed = chosen.from || chosen.to ? { ...chosen, zone } : chosen;
  const given = Object.entries(timed).filter(([, value]) => value);
  const query = new URLSearchParams(Object.fromEntries(given.map(([name, value]) => [name, String(value)])));
  return query.size > 0 ? `/oversight?${query}` : "/oversight";
}
