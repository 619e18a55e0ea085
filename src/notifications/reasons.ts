import type { Role } from "../db.ts";

/**
 * Why somebody is told. The order is that of precedence: a person with several reasons is given the first. What is told
 * for a reason that is not optional can neither be switched off nor muted.
 */
export const reasons = {
  reserved_for_you: { role: "buyer", text: "It is reserved for you", optional: false },
  your_reservation: { role: "buyer", text: "You had it reserved", optional: false },
  your_listing: { role: "seller", text: "It is your listing", optional: true },
  your_enquiry: { role: "buyer", text: "You asked about this listing", optional: true },
  watching: { role: "buyer", text: "You watch this listing", optional: true },
  announced_to_buyers: { role: "buyer", text: "It is for all buyers", optional: false },
  announced_to_sellers: { role: "seller", text: "It is for all sellers", optional: false },
} as const satisfies Record<string, { role: Role; text: string; optional: boolean }>;

export type Reason = keyof typeof reasons;

/** What is known of a reason; nothing of one that only a newer release gives: see kindOf(). */
export function knownReason(reason: Reason): (typeof reasons)[Reason] | undefined {
  return reasons[reason];
}

/** The reasons for which somebody of a role may be told. */
export function reasonsFor(role: Role): Reason[] {
  return (Object.keys(reasons) as Reason[]).filter((reason) => reasons[reason].role === role);
}

/** Whether this role hears of something for a reason that is not optional. */
export function hasCertainReasons(role: Role): boolean {
  return Object.values(reasons).some((reason) => reason.role === role && !reason.optional);
}
