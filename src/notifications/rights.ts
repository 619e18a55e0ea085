import { sql } from "kysely";
import { arrayOf, type Db, type ListingStatus, type Role } from "../db.ts";
import { knownReason, type Reason } from "./reasons.ts";
import type { Standing } from "./standing.ts";

type Told = { recipientId: number; reason: Reason; event: { listingId: number | null } };

/** What is true of a notification now, whatever was true when it was stored. */
export type Present = {
  /** How its listing stands for its reader. */
  standing: Standing | null;
  /** Its reader may no longer see what it is about. */
  withheld: boolean;
};

/**
 * Notifications with how their listings stand, and whether their readers may still see what they are about: not when
 * they are suspended, when the reason was that of a role they no longer have or is not known here, nor when the listing
 * is withdrawn and they have nothing to do with it. The last is the rule of the listing's own page, getListing in
 * marketplace/listings.ts.
 * One query whatever their number. It looks up by keys, which joins in the query that reads them would not: Postgres
 * takes those who missed something for many, and goes through all users and listings.
 */
export async function withPresent<Notice extends Told>(db: Db, notices: Notice[]): Promise<(Notice & Present)[]> {
  const found = await readPresent(db, notices);
  return notices.map((notice) => {
    const now = found.get(keyOf(notice.recipientId, notice.event.listingId));
    const withheld = !now?.mayKnow || knownReason(notice.reason)?.role !== now.role;
    const standing = now?.status ? { status: now.status, version: now.version, theirs: now.theirs } : null;
    return { ...notice, standing, withheld };
  });
}

type Found = {
  userId: number;
  listingId: number;
  role: Role | null;
  status: ListingStatus | null;
  version: number;
  theirs: boolean;
  mayKnow: boolean;
};

async function readPresent(db: Db, notices: Told[]): Promise<Map<string, Found>> {
  if (notices.length === 0) return new Map();
  const asked = new Map(
    notices.map(({ recipientId, event }) => [keyOf(recipientId, event.listingId), event.listingId]),
  );
  const users = arrayOf([...asked.keys()].map((key) => Number(key.split(" ")[0])));
  const listings = arrayOf([...asked.values()].map((id) => id ?? 0));
  // A subquery with a limit is never turned into a scan of what everybody watches.
  const { rows } = await sql<Found>`
    select asked.user_id as "userId", asked.listing_id as "listingId", listings.status, listings.version,
      case readers.status when 'active' then readers.role end as role,
      coalesce(listings.reserved_for = readers.id, false) as theirs,
      case
        when listings.status is distinct from 'withdrawn' or readers.role = 'admin' then true
        when readers.role = 'seller' and listings.seller_id = readers.id then true
        else coalesce(
          (select true from watches where listing_id = listings.id and user_id = readers.id limit 1),
          (select true from enquiries where listing_id = listings.id and buyer_id = readers.id limit 1),
          (select true from reservations where listing_id = listings.id and buyer_id = readers.id limit 1),
          false)
      end as "mayKnow"
    from unnest(${users}::bigint[], ${listings}::bigint[]) asked (user_id, listing_id)
    join users readers on readers.id = asked.user_id
    left join listings on listings.id = asked.listing_id`.execute(db);
  return new Map(rows.map((row) => [keyOf(row.userId, row.listingId), row]));
}

function keyOf(userId: number, listingId: number | null): string {
  return `${userId} ${listingId ?? 0}`;
}
