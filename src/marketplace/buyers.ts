import { z } from "zod";
import type { Db } from "../db.ts";
import { line, parseForm } from "../forms.ts";
import { hours } from "./hours.ts";
import type { ReservationInput } from "./reservations.ts";

/** A buyer who watches a listing or asked about it, as its seller may know them. */
export type Interested = { id: number; name: string; company: string; asked: boolean };

/** Who asked about a listing, then who watches it; active people only. @param limit how many at the most */
export async function findInterested(db: Db, listingId: number, limit: number): Promise<Interested[]> {
  const found = await interestedIn(db, listingId).orderBy("asked", "desc").orderBy("users.name").limit(limit).execute();
  return found.map((buyer) => ({ ...buyer, asked: Boolean(buyer.asked) }));
}

/** How an interested buyer stands in the list that a form suggests; the number at its end is what counts. */
export function choiceOf({ id, name, company }: Interested): string {
  return `${name}, ${company} #${id}`;
}

/**
 * What the form of a reservation brought. The buyer may be any active one by their email, or one of the interested by
 * their number or as choiceOf writes them: a number alone must not lead to a person whom the seller does not know.
 * @throws InvalidError with a message for each field that is wrong
 */
export async function parseReservation(db: Db, listingId: number, body: unknown): Promise<ReservationInput> {
  const typed = typeof body === "object" && body !== null && "buyer" in body ? body.buyer : null;
  const buyerId =
    typeof typed === "string" ? await findBuyer(db, listingId, typed.replaceAll("\u0000", "").trim()) : null;
  const form = z.object({ buyer: line("the buyer", 400).refine(() => buyerId !== null, NOBODY), hours });
  const parsed = parseForm(form, body);
  return { buyerId: buyerId ?? 0, hours: parsed.hours };
}

const NOBODY = "Choose a buyer from the list, or enter the email address of an active buyer.";

async function findBuyer(db: Db, listingId: number, typed: string): Promise<number | null> {
  const id = /^(?:.*#)?([1-9]\d{0,14})$/s.exec(typed)?.[1];
  const found = id
    ? await interestedIn(db, listingId).where("users.id", "=", Number(id)).executeTakeFirst()
    : await activeBuyers(db).select("users.id").where("users.email", "=", typed.toLowerCase()).executeTakeFirst();
  return found?.id ?? null;
}

function interestedIn(db: Db, listingId: number) {
  return activeBuyers(db)
    .leftJoin("enquiries", (join) =>
      join.onRef("enquiries.buyer_id", "=", "users.id").on("enquiries.listing_id", "=", listingId),
    )
    .leftJoin("watches", (join) =>
      join.onRef("watches.user_id", "=", "users.id").on("watches.listing_id", "=", listingId),
    )
    .select(({ eb }) => ["users.id", "users.name", "users.company", eb("enquiries.id", "is not", null).as("asked")])
    .where(({ or, eb }) => or([eb("enquiries.id", "is not", null), eb("watches.user_id", "is not", null)]));
}

function activeBuyers(db: Db) {
  return db.selectFrom("users").where("users.role", "=", "buyer").where("users.status", "=", "active");
}
