import { randomUUID } from "node:crypto";
import { type Kysely, sql } from "kysely";
import type { Viewer } from "../../src/access.ts";
import type { Database } from "../../src/db.ts";
import { beginToSend, type Draft } from "../../src/notifications/announcements.ts";
import type { World } from "../world.ts";

export const WORDS = { title: "A break on Sunday", text: "From eight to nine nothing can be published.\nThank you." };

/** An admin sends something; its first batch waits for the queue. @returns its id */
export async function announced(db: Kysely<Database>, admin: Viewer, draft: Partial<Draft> = {}): Promise<number> {
  const given = { to: "buyer", ...WORDS, ...draft, token: randomUUID() } as const;
  const begun = await db.transaction().execute((trx) => beginToSend(trx, admin, given));
  if (!begun) throw new Error("it had been sent");
  return begun.id;
}

/** Runs batch after batch, as if the pauses between them had passed. */
export async function runBatches({ db, drain }: Pick<World, "db" | "drain">): Promise<void> {
  for (let more = true; more; ) {
    await drain();
    const { rows } = await sql`
      update graphile_worker._private_jobs set run_at = now()
      where task_id in (select id from graphile_worker._private_tasks
        where identifier in ('send_announcement', 'recall_announcement'))
      returning id`.execute(db);
    more = rows.length > 0;
  }
}

export function rowOf(db: Kysely<Database>, id: number) {
  return db.selectFrom("announcements").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
}

/** Who has been told of it and still has it, in the order of ids. */
export async function holders(db: Kysely<Database>, id: number): Promise<number[]> {
  const rows = await db
    .selectFrom("notifications")
    .innerJoin("announcements", "announcements.event_id", "notifications.event_id")
    .select("recipient_id")
    .where("announcements.id", "=", id)
    .where("superseded_at", "is", null)
    .orderBy("recipient_id")
    .execute();
  return rows.map(({ recipient_id }) => recipient_id);
}

/** Everybody active of these roles, in the order of ids. */
export async function activePeople(db: Kysely<Database>, roles: ("buyer" | "seller")[]): Promise<number[]> {
  const people = db.selectFrom("users").select("id").where("role", "in", roles).where("status", "=", "active");
  return (await people.orderBy("id").execute()).map(({ id }) => id);
}

/** The inboxes that are wrong: numbers with a hole, or counts that are not those of their rows. */
export async function wrongInboxes(db: Kysely<Database>): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    select inboxes.user_id as id from inboxes left join lateral (
      select count(*) as rows, coalesce(max(seq), 0) as last,
        count(*) filter (where live) as unread, count(*) filter (where live and seq > seen_seq) as unseen
      from (select seq, read_at is null and archived_at is null and superseded_at is null as live
        from notifications where recipient_id = inboxes.user_id) own
    ) counted on true
    where (last_seq, last_seq, inboxes.unread, inboxes.unseen)
      is distinct from (counted.rows, counted.last, counted.unread, counted.unseen)`.execute(db);
  return rows.map(({ id }) => id);
}

/** What the audit log has of it: what was done, by whom. */
export async function audited(db: Kysely<Database>, id: number): Promise<[string, number | null][]> {
  const rows = await db
    .selectFrom("audit_log")
    .select(["action", "actor_id"])
    .where(sql<boolean>`(details ->> 'announcement')::bigint = ${id}`)
    .orderBy("id")
    .execute();
  return rows.map(({ action, actor_id }) => [action, actor_id]);
}
