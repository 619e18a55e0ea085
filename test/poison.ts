import { sql } from "kysely";
import type { Db } from "../src/db.ts";

/** Lets events of this database be poisoned: their notifications will be refused, by the database itself. */
export async function allowPoison(db: Db): Promise<void> {
  await sql`create table poisons (event_id bigint primary key, code text not null)`.execute(db);
  await sql`create function refuse() returns trigger language plpgsql as $$
    declare found text := (select poisons.code from poisons where poisons.event_id = new.event_id);
    begin
      if found is not null then raise 'poisoned' using errcode = found; end if;
      return new;
    end $$`.execute(db);
  await sql`create trigger refuse before insert on notifications for each row execute function refuse()`.execute(db);
}

/** Makes events impossible to deliver. @param code the SQLSTATE that the database gives as the reason */
export async function poison(db: Db, eventIds: number[], code = "P0001"): Promise<void> {
  await sql`insert into poisons select unnest(${eventIds}::bigint[]), ${code}`.execute(db);
}

/** From now on they can be delivered. */
export async function cure(db: Db, eventIds: number[]): Promise<void> {
  await sql`delete from poisons where event_id = any(${eventIds}::bigint[])`.execute(db);
}

/** Sets the job aside that would tell of a listing's first event, as if it had failed for good. @returns its id */
export async function failedJob(db: Db, listingId: number, error = "it failed"): Promise<number> {
  const { rows } = await sql<{ id: number }>`
    select failed.id from graphile_worker._private_jobs jobs
    join events on events.id = (payload ->> 'eventId')::bigint and events.listing_id = ${listingId},
    lateral graphile_worker.permanently_fail_jobs(array[jobs.id], ${error}) failed
    order by events.id limit 1`.execute(db);
  if (!rows[0]) throw new Error("no job tells of this listing");
  return rows[0].id;
}
