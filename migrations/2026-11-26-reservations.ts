import { type Kysely, sql } from "kysely";

/** When people are to be warned that a reservation runs out, and when they were; of older reservations they are not. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`alter table reservations add column warn_at timestamptz, add column warned_at timestamptz`.execute(db);
}
