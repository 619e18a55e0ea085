import { type Kysely, sql } from "kysely";

/**
 * Of each inbox the number up to which notifications may have been deleted: what a browser has missed from below it
 * cannot be told any more. The deletes need no index that is not there already.
 */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`alter table inboxes add column floor_seq bigint not null default 0`.execute(db);
}
