import { type Kysely, sql } from "kysely";

/** When an event left its listing's lane because it could not be delivered: from then on its own job delivers it. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`alter table events add column left_lane_at timestamptz`.execute(db);
}
