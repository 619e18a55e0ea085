import { sql } from "kysely";
import { createTelling } from "./faults/crowd.ts";
import type { World } from "./world.ts";

/** Gives these people so many notifications; those up to a number get an age. */
export async function tellOld(world: World, people: number[], times: number, upTo: number, days = 401): Promise<void> {
  await (await createTelling(world, times)).tell(people, times);
  const then = sql<Date>`now() - ${days} * interval '24 hours'`;
  await world.db.updateTable("notifications").set({ created_at: then }).where("seq", "<=", upTo).execute();
  await sql`
    update events set occurred_at = ${then}
    where id in (select event_id from notifications where seq <= ${upTo})`.execute(world.db);
}

/** What is wrong with anybody's inbox: counts that are not those of its rows, or numbers missing above its floor. */
export async function untrueInboxes({ db }: World): Promise<unknown[]> {
  const { rows } = await sql`
    select inboxes.*, counted.* from inboxes cross join lateral (
      select count(*) filter (where live) as live, count(*) filter (where live and seq > seen_seq) as live_unseen,
        count(*) as kept, coalesce(min(seq), last_seq + 1) as first
      from (
        select seq, read_at is null and archived_at is null and superseded_at is null as live
        from notifications where recipient_id = inboxes.user_id
      ) own
    ) counted
    where unread <> live or unseen <> live_unseen or first <> floor_seq + 1 or kept <> last_seq - floor_seq`.execute(
    db,
  );
  return rows;
}
