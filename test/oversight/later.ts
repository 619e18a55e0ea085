import { sql } from "kysely";
import type { Db } from "../../src/db.ts";

/** Lets a time pass for everything that a proof looks at, so that what is done next is done that much later. */
export async function later(db: Db, minutes: number): Promise<void> {
  const by = sql`${minutes}::int * interval '1 minute'`;
  await sql`update events set occurred_at = occurred_at - ${by}, delivered_at = delivered_at - ${by}`.execute(db);
  await sql`update notifications set created_at = created_at - ${by}`.execute(db);
  await sql`update watches set created_at = created_at - ${by}`.execute(db);
  await sql`update mutes set created_at = created_at - ${by}`.execute(db);
  await sql`update enquiries set created_at = created_at - ${by}`.execute(db);
  await sql`update kind_preferences set since = since - ${by}`.execute(db);
  await sql`update past_states set since = since - ${by}, until = until - ${by}`.execute(db);
  await sql`update past_kept set since = since - ${by}`.execute(db);
  await sql`update reservations set reserved_at = reserved_at - ${by}, ended_at = ended_at - ${by}`.execute(db);
}
