import { type RawBuilder, sql } from "kysely";
import type { Trx } from "./db.ts";

const RIGHTS = 712_004;

/**
 * Held by whoever writes to many what their rights let them know, until the transaction ends; any number at a time. It is
 * to be taken by a statement before the one that reads the rights: each statement sees what was committed when it began.
 */
export const rightsAreRead: RawBuilder<unknown> = sql`select pg_advisory_xact_lock_shared(${sql.lit(RIGHTS)})`;

/**
 * Waits for whoever writes by the old rights, and keeps others from beginning until this transaction has ended: nothing is
 * written by rights that were gone at the time. To be taken last, since it holds up everybody's news.
 */
export async function rightsHaveChanged(trx: Trx): Promise<void> {
  await sql`select pg_advisory_xact_lock(${sql.lit(RIGHTS)})`.execute(trx);
}
