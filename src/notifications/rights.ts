import { sql } from "kysely";

/**
 * Whether a notification's reader may no longer know its listing: the rule of the listing's own page (getListing in
 * marketplace/listings.ts), in the query of all that is shown of an inbox. It is about the tables `notifications`,
 * `listings` and the recipients as `readers`. Looked up by keys, and only for what is withdrawn: subqueries with a limit
 * are never turned into a scan of everybody's watches.
 */
export const isWithheld = sql<boolean>`case
  when readers.status <> 'active' then true
  when listings.status is distinct from 'withdrawn' or readers.role = 'admin' then false
  when readers.role = 'seller' and listings.seller_id = readers.id then false
  else coalesce(
    (select false from watches
      where watches.listing_id = listings.id and watches.user_id = readers.id limit 1),
    (select false from enquiries
      where enquiries.listing_id = listings.id and enquiries.buyer_id = readers.id limit 1),
    (select false from reservations
      where reservations.listing_id = listings.id and reservations.buyer_id = readers.id limit 1),
    true)
  end`;
