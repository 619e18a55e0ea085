import { sql } from "kysely";
import type { Db } from "../../src/db.ts";

const TIMES = {
  events: ["occurred_at", "delivered_at"],
  notifications: ["created_at"],
  watches: ["created_at"],
  mutes: ["created_at"],
  enquiries: ["created_at"],
  kind_preferences: ["since"],
  past_states: ["since", "until"],
  past_kept: ["since"],
  reservations: ["reserved_at", "ended_at"],
};

/** Lets a time pass for everything that a proof looks at, so that what is done next is done that much later. */
export async function later(db: Db, minutes: number): Promise<void> {
  const earlier = (column: string) => `${column} = ${column} - interval '${minutes} minutes'`;
  const updates = Object.entries(TIMES).map(([table, columns]) => `update ${table} set ${columns.map(earlier)}`);
  // All in one question.
  await sql.raw(updates.join(";")).execute(db);
}
