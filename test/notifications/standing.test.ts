import { describe, expect, test } from "vitest";
import type { EventKind, EventRow } from "../../src/events/catalogue.ts";
import { kinds, offerOf } from "../../src/notifications/kinds.ts";
import { type Reason, reasons } from "../../src/notifications/reasons.ts";
import { noteFor } from "../../src/notifications/standing.ts";

const STATES = {
  available: { status: "available", theirs: false },
  "reserved for another": { status: "reserved", theirs: false },
  "reserved for the reader": { status: "reserved", theirs: true },
  sold: { status: "sold", theirs: false },
  withdrawn: { status: "withdrawn", theirs: false },
} as const;

const open = [null, "taken", null, "gone", "gone"];
const yours = ["lapsed", "lapsed", null, "gone", "gone"];

// Whatever is not here offers nothing, so nothing becomes of it.
const TABLE: [EventKind, Reason, (string | null)[]][] = [
  ["listing_published", "watching", open],
  ["listing_updated", "reserved_for_you", yours],
  ["listing_updated", "your_enquiry", open],
  ["listing_updated", "watching", open],
  ["listing_reserved", "reserved_for_you", yours],
  ["reservation_extended", "reserved_for_you", yours],
  ["reservation_ending", "reserved_for_you", yours],
  ["listing_released", "your_enquiry", open],
  ["listing_released", "watching", open],
  ["reservation_expired", "your_enquiry", open],
  ["reservation_expired", "watching", open],
  ["listing_relisted", "your_enquiry", open],
  ["listing_relisted", "watching", open],
];

function notes(kind: EventKind, reason: Reason): (string | null)[] {
  const offer = offerOf({ kind, listingId: 1 } as EventRow, reason);
  return Object.values(STATES).map((state) => offer && noteFor(offer, state));
}

describe(`what is said beside a notification while its listing is ${Object.keys(STATES).join(", ")}`, () => {
  test.each(TABLE)("%s, told because of %s", (kind, reason, expected) => {
    expect(notes(kind, reason)).toEqual(expected);
  });

  test("nothing beside any other, least of all a seller's", () => {
    const rest = Object.keys(kinds).flatMap((kind) =>
      (kinds[kind as EventKind].audience as readonly Reason[])
        .filter((reason) => !TABLE.some(([known, why]) => known === kind && why === reason))
        .map((reason) => [kind, reason, notes(kind as EventKind, reason)] as const),
    );
    expect(rest.length).toBeGreaterThan(10);
    for (const [kind, reason, all] of rest)
      expect([kind, reason, all]).toEqual([kind, reason, [null, null, null, null, null]]);
    for (const kind of Object.keys(kinds) as EventKind[]) {
      for (const reason of Object.keys(reasons) as Reason[]) {
        if (reasons[reason].role === "seller") expect(notes(kind, reason).every((note) => note === null)).toBe(true);
      }
    }
  });
});

test("an event of no listing offers nothing", () => {
  expect(offerOf({ kind: "listing_published", listingId: null } as EventRow, "watching")).toBeNull();
});
