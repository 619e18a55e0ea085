import { type Kysely, sql } from "kysely";
import type { Database, Trx } from "../db.ts";
import { ConflictError, NotFoundError } from "../errors.ts";
import { type Actor, isKeeper, type ListingView, readListings } from "./listings.ts";
import { requireStep, type Step } from "./status.ts";

/** Which listing an action is about, and the version of it that its actor had before their eyes. */
export type Target = { id: number; version: number };

/**
 * Locks a listing and lets `change` work on it: whatever a person does to a listing goes through here, so that two who
 * act at once get one success and one conflict.
 * @throws NotFoundError when it is not the actor's, ConflictError when it has moved on since they saw it
 */
export async function changeListing<T>(
  db: Kysely<Database>,
  actor: Actor,
  target: Target,
  change: (trx: Trx, listing: ListingView) => Promise<T>,
): Promise<T> {
  return db.transaction().execute(async (trx) => {
    const listing = await lockListing(trx, target.id);
    if (!listing || !isKeeper(actor, listing)) throw new NotFoundError();
    requireVersion(listing, target.version);
    return change(trx, listing);
  });
}

/** @throws ConflictError when a listing has moved on since its version was this one */
export function requireVersion(listing: ListingView, version: number): void {
  if (listing.version !== version) throw new ConflictError(STALE, listing.id);
}

/** Locks a listing until the transaction ends, if it exists; what comes back is its state as of then. */
export async function lockListing(trx: Trx, id: number): Promise<ListingView | undefined> {
  // "No key": people may go on to watch it meanwhile.
  const held = await trx.selectFrom("listings").select("id").where("id", "=", id).forNoKeyUpdate().executeTakeFirst();
  return held && (await readListings(trx).where("listings.id", "=", id).executeTakeFirst());
}

/**
 * Takes a step of the status machine; the listing's lock must be held.
 * @param hold for whom and until when, where the step is to reserve it
 * @throws ConflictError when its state does not allow the step
 */
export async function moveListing(
  trx: Trx,
  listing: ListingView,
  step: Step,
  hold: { buyerId: number; until: Date } | null = null,
): Promise<void> {
  const status = requireStep(listing, step);
  await trx
    .updateTable("listings")
    .set({
      status,
      version: listing.version + 1,
      reserved_for: hold?.buyerId ?? null,
      reserved_until: hold?.until ?? null,
      updated_at: sql`clock_timestamp()`,
    })
    .where("id", "=", listing.id)
    .execute();
}

/** What every event of a listing says of it. */
export function aboutOf({ title, sellerId, version }: ListingView) {
  return { title, sellerId, version };
}

const STALE =
  "This listing has changed since you opened it. Nothing was done: look at how it stands now and decide again.";
