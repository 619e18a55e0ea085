import { sql } from "kysely";
import type { Viewer } from "../../src/access.ts";
import type { Database, Db, ListingStatus } from "../../src/db.ts";
import type { EventKind } from "../../src/events/catalogue.ts";
import { findListings, type ListingView } from "../../src/marketplace/listings.ts";
import { reserveListing, sellListing } from "../../src/marketplace/reservations.ts";
import { withdrawListing } from "../../src/marketplace/withdrawal.ts";
import { createSite, OWN, signIn } from "../accounts/site.ts";
import { type Cast, publishedListing } from "../cast.ts";
import type { World } from "../world.ts";

/** What htmx says of a form on one of our own pages. */
export const HTMX = { ...OWN, "HX-Request": "true" };

/** The site with everybody of the cast signed in. */
export async function createShop() {
  const site = await createSite();
  const cookies = new Map<number, string>();
  for (const person of Object.values(site.world.cast)) cookies.set(person.id, await signIn(site.app, person));
  return { ...site, cast: site.world.cast, cookieOf: (person: Viewer) => cookies.get(person.id) ?? "" };
}

/** A listing of Sol's that has come into a state by the real actions; where it is or was reserved, for Bea. */
export async function listingIn(
  { db }: Pick<World, "db">,
  { sol, bea }: Pick<Cast, "sol" | "bea">,
  status: ListingStatus,
): Promise<ListingView> {
  const { id } = await publishedListing(db, sol);
  if (status === "withdrawn") await withdrawListing(db, sol, { id, version: 1 });
  if (status === "reserved" || status === "sold") {
    await reserveListing(db, sol, { id, version: 1 }, { buyerId: bea.id, hours: 24 });
  }
  if (status === "sold") await sellListing(db, sol, { id, version: 2 });
  return now(db, id);
}

/** A listing as it stands now. */
export async function now(db: Db, id: number): Promise<ListingView> {
  const [listing] = await findListings(db, [id]);
  if (!listing) throw new Error(`there is no listing ${id}`);
  return listing;
}

/** What has happened to a listing, in order. */
export async function eventsOf(db: Db, listingId: number) {
  return db
    .selectFrom("events")
    .select(["kind", "actor_id as actorId", "data"])
    .where("listing_id", "=", listingId)
    .orderBy("id")
    .execute();
}

export async function kindsOf(db: Db, listingId: number): Promise<EventKind[]> {
  return (await eventsOf(db, listingId)).map(({ kind }) => kind);
}

/** The jobs of one name that wait in the queue, the oldest first. */
export async function jobsOf(db: Db, name: string) {
  const { rows } = await sql<{ payload: Record<string, number>; runAt: Date }>`
    select private.payload, private.run_at as "runAt"
    from graphile_worker._private_jobs private
    join graphile_worker._private_tasks tasks on tasks.id = private.task_id
    where tasks.identifier = ${name}
    order by private.id`.execute(db);
  return rows;
}

/** Lets hours pass for a listing's reservation, which ends so much sooner then, and what waits in the queue for that. */
export async function letPass(db: Db, listingId: number, hours: number): Promise<void> {
  const passed = sql`make_interval(secs => ${hours * 3600})`;
  await sql`update listings set reserved_until = reserved_until - ${passed} where id = ${listingId}`.execute(db);
  await sql`
    with moved as (
      update reservations set reserved_at = reserved_at - ${passed}, expires_at = expires_at - ${passed},
        warn_at = warn_at - ${passed}, warned_at = warned_at - ${passed}
      where listing_id = ${listingId} and ended_at is null returning id)
    update graphile_worker._private_jobs set run_at = run_at - ${passed}
    where (payload ->> 'reservationId')::bigint in (select id from moved)`.execute(db);
}

/** All of a table, to be compared before and after. */
export async function rowsOf(db: Db, table: keyof Database): Promise<unknown[]> {
  return (await sql`select * from ${sql.table(table)} order by 1, 2`.execute(db)).rows;
}
