import { sql } from "kysely";
import type { Db } from "../db.ts";

const HOURS = 24;

/** A buyer who has waited for an answer for a day or longer. */
export type Unanswered = {
  id: number;
  listingId: number;
  title: string;
  buyer: string;
  buyerCompany: string;
  seller: string;
  sellerCompany: string;
  since: Date;
  /** Where the next page goes on, if this is the last on its page. */
  at: string;
};

/** A place in the list: the microsecond since which somebody waits, and the enquiry. */
export type Place = { micros: number; id: number };

/** What an address says of a place; nothing for what is none. */
export function placeOf(given: unknown): Place | null {
  const [, micros, id] = (typeof given === "string" && /^(\d{1,16})-(\d{1,15})$/.exec(given)) || [];
  return micros && id ? { micros: Number(micros), id: Number(id) } : null;
}

/** Enquiries that nobody has answered for a day, who has waited longest first: those behind a place. */
export async function readUnanswered(db: Db, behind: Place | null, limit: number): Promise<Unanswered[]> {
  const micros = sql<number>`(extract(epoch from enquiries.waiting_since) * 1000000)::bigint`;
  const rows = await db
    .selectFrom("enquiries")
    .innerJoin("listings", "listings.id", "enquiries.listing_id")
    .innerJoin("users as buyers", "buyers.id", "enquiries.buyer_id")
    .innerJoin("users as sellers", "sellers.id", "enquiries.seller_id")
    .select([
      ...(["enquiries.id", "enquiries.listing_id as listingId", "listings.title", "buyers.name as buyer"] as const),
      ...(["buyers.company as buyerCompany", "sellers.name as seller", "sellers.company as sellerCompany"] as const),
    ])
    .select(sql<Date>`enquiries.waiting_since`.as("since"))
    .select(micros.as("micros"))
    .where("enquiries.waiting_since", "<", sql<Date>`now() - ${HOURS} * interval '1 hour'`)
    .$if(behind !== null, (query) =>
      query.where(
        sql<boolean>`(enquiries.waiting_since, enquiries.id) > (
          timestamptz 'epoch' + ${behind?.micros} * interval '1 microsecond', ${behind?.id})`,
      ),
    )
    .orderBy("enquiries.waiting_since")
    .orderBy("enquiries.id")
    .limit(limit)
    .execute();
  return rows.map(({ micros, ...row }) => ({ ...row, at: `${micros}-${row.id}` }));
}
