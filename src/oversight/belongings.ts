import { sql } from "kysely";
import type { Db, ListingStatus } from "../db.ts";
import type { ListingView } from "../marketplace/listings.ts";
import { countByStatus, findReservedFor } from "../marketplace/overview.ts";
import { findThreads, type ThreadSummary } from "../marketplace/threads.ts";
import type { PersonRow } from "./people.ts";

/** What somebody has on the market and what they are after there; null where that is not their role and there is none. */
export type Belongings = {
  stock: Record<ListingStatus, number> | null;
  interest: { counts: Interest; reserved: ListingView[]; threads: ThreadSummary[] } | null;
};

type Interest = { watches: number; reserved: number; enquiries: number; bought: number };

const SHOWN = 3;

/** What belongs to somebody, in short. It stays when they get another role, so the role alone does not say. */
export async function findBelongings(db: Db, { id, role }: PersonRow): Promise<Belongings> {
  const [stock, counts] = await Promise.all([countByStatus(db, id), countInterest(db, id)]);
  const has = (numbers: object) => Object.values(numbers).some((number) => number > 0);
  return {
    stock: role === "seller" || has(stock) ? stock : null,
    interest: role === "buyer" || has(counts) ? { counts, ...(await findInterest(db, id)) } : null,
  };
}

async function countInterest(db: Db, id: number): Promise<Interest> {
  const { rows } = await sql<Interest>`select
    (select count(*) from watches where user_id = ${id}) as watches,
    (select count(*) from listings where reserved_for = ${id}) as reserved,
    (select count(*) from enquiries where buyer_id = ${id}) as enquiries,
    (select count(*) from reservations where buyer_id = ${id} and outcome = 'sold') as bought`.execute(db);
  return rows[0] ?? { watches: 0, reserved: 0, enquiries: 0, bought: 0 };
}

async function findInterest(db: Db, id: number) {
  const [reserved, threads] = await Promise.all([
    findReservedFor(db, id),
    findThreads(db, { id, role: "buyer" }, { from: 0, limit: SHOWN }),
  ]);
  return { reserved: reserved.slice(0, SHOWN), threads };
}
