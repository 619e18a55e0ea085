import { sql } from "kysely";
import { arrayOf, type Db } from "../db.ts";

// A recall of very many takes a while from its beginning to its last batch.
const LONGEST_HOURS = 1;

/** Whether anything was being taken back from anybody since a time. */
export async function isAnythingGoneSince(db: Db, since: Date): Promise<boolean> {
  const { rows } = await sql`select from announcements where ${recalledLately(since)} limit 1`.execute(db);
  return rows.length > 0;
}

/**
 * What was taken back from people since a time, by their own numbers: for pages that were not told of it then. One query
 * whatever their number, and hardly one where nothing has been taken back of late.
 */
export async function readGoneSince<Ask extends { userId: number; since: Date }>(
  db: Db,
  asks: Ask[],
): Promise<Map<Ask, number[]>> {
  const earliest = new Date(Math.min(...asks.map(({ since }) => since.getTime())));
  const asked = sql`rows from (
    unnest(${arrayOf(asks.map(({ userId }) => userId))}::bigint[]),
    unnest(${arrayOf(asks.map(({ since }) => since.getTime()))}::float8[])
  ) with ordinality asked (user_id, since, n)`;
  const { rows } = await sql<{ n: number; seq: number }>`
    select asked.n, notifications.seq
    from announcements
    cross join ${asked}
    join notifications on notifications.recipient_id = asked.user_id and notifications.event_id = announcements.event_id
      and notifications.superseded_at >= to_timestamp(asked.since / 1000)
    where ${recalledLately(earliest)}
    order by notifications.seq`.execute(db);
  const gone = new Map(asks.map((ask) => [ask, [] as number[]]));
  for (const { n, seq } of rows) gone.get(asks[n - 1] as Ask)?.push(seq);
  return gone;
}

function recalledLately(since: Date) {
  return sql`announcements.recalled_at > ${since}::timestamptz - ${LONGEST_HOURS} * interval '1 hour'`;
}
