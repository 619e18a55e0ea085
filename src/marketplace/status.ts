import type { ListingStatus } from "../db.ts";
import { ConflictError } from "../errors.ts";

type Rule = { from: readonly ListingStatus[]; to: ListingStatus; done: string };

// The one place that says what may follow what.
const steps = {
  reserve: { from: ["available"], to: "reserved", done: "reserved" },
  extend: { from: ["reserved"], to: "reserved", done: "extended" },
  release: { from: ["reserved"], to: "available", done: "released" },
  sell: { from: ["reserved"], to: "sold", done: "sold" },
  withdraw: { from: ["available", "reserved"], to: "withdrawn", done: "withdrawn" },
  relist: { from: ["withdrawn"], to: "available", done: "listed again" },
} as const satisfies Record<string, Rule>;

const open: readonly ListingStatus[] = ["available", "reserved"];

export type Step = keyof typeof steps;
export type Standing = { id: number; status: ListingStatus };

export const stepNames = Object.keys(steps) as Step[];

/** Whether a listing in this state may take this step. */
export function mayStep(status: ListingStatus, step: Step): boolean {
  return (steps[step].from as readonly ListingStatus[]).includes(status);
}

/**
 * The state that a step leads to.
 * @throws ConflictError when the listing's present state does not allow it
 */
export function requireStep(listing: Standing, step: Step): ListingStatus {
  if (mayStep(listing.status, step)) return steps[step].to;
  throw refusal(listing, steps[step].done);
}

/** Whether a listing can still be had: only then may it be edited, and may somebody new ask about it. */
export function isOpen(status: ListingStatus): boolean {
  return open.includes(status);
}

/** @throws ConflictError when the listing is sold or withdrawn */
export function requireOpen(listing: Standing, done: string): void {
  if (!isOpen(listing.status)) throw refusal(listing, done);
}

function refusal(listing: Standing, done: string): ConflictError {
  return new ConflictError(`This listing is ${listing.status} now, so it cannot be ${done}.`, listing.id);
}
