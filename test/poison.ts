import { sql } from "kysely";
import type { World } from "./world.ts";

/**
 * Makes events impossible to deliver for real: the database refuses their notifications.
 * @param eventIds which
 * @param code the SQLSTATE that it gives as the reason
 * @returns cure(): from now on they can be delivered
 */
export async function poison({ db }: World, eventIds: number[], code = "P0001"): Promise<{ cure(): Promise<void> }> {
  await sql`create table if not exists poisons (event_id bigint primary key, code text not null)`.execute(db);
  await sql`create or replace function refuse() returns trigger language plpgsql as $$
    declare found text := (select poisons.code from poisons where poisons.event_id = new.event_id);
    begin
      if found is not null then raise 'poisoned' using errcode = found; end if;
      return new;
    end $$`.execute(db);
  await sql`create or replace trigger refuse before insert on notifications for each row execute function refuse()`.execute(
    db,
  );
  await sql`insert into poisons select unnest(${eventIds}::bigint[]), ${code}`.execute(db);
  return {
    async cure() {
      await sql`delete from poisons where event_id = any(${eventIds}::bigint[])`.execute(db);
    },
  };
}
