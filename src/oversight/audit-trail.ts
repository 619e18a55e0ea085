import { sql } from "kysely";
import { inWords } from "../accounts/audit.ts";
import type { Db } from "../db.ts";

type Named = { id: number; name: string };

/** One entry of the audit log, in words. `actor` is null when nobody was signed in, `reason` when none was asked for. */
export type TrailEntry = {
  id: number;
  at: Date;
  words: string;
  actor: Named | null;
  subject: Named | null;
  reason: string | null;
  address: string | null;
};

/**
 * What was done to somebody's account and what they did to those of others, the latest first.
 * @param before the id of an entry; null for the latest
 * @param limit how many at the most
 */
export async function findTrail(db: Db, userId: number, before: number | null, limit: number): Promise<TrailEntry[]> {
  const page = sql`${before === null ? sql`` : sql`and id < ${before}`} order by id desc limit ${limit}`;
  // Each half comes out of an index of its own, however long the log is.
  const { rows } = await sql<Row>`
    select log.id, log.at, log.action, log.details, log.address,
      log.actor_id as "actorId", actors.name as "actorName", log.subject_id as "subjectId", subjects.name as "subjectName"
    from (
      (select id from audit_log where subject_id = ${userId} ${page}) union
      (select id from audit_log where actor_id = ${userId} ${page})
    ) found
    join audit_log log using (id)
    left join users actors on actors.id = log.actor_id
    left join users subjects on subjects.id = log.subject_id
    order by log.id desc limit ${limit}`.execute(db);
  return rows.map(toEntry);
}

type Row = Pick<TrailEntry, "id" | "at" | "address"> & {
  action: string;
  details: Record<string, unknown>;
  actorId: number | null;
  actorName: string | null;
  subjectId: number | null;
  subjectName: string | null;
};

function toEntry({ id, at, address, action, details, ...row }: Row): TrailEntry {
  return {
    ...{ id, at, address, words: inWords(action, details) },
    actor: named(row.actorId, row.actorName),
    subject: named(row.subjectId, row.subjectName),
    reason: typeof details.reason === "string" ? details.reason : null,
  };
}

function named(id: number | null, name: string | null): Named | null {
  return id === null || name === null ? null : { id, name };
}
