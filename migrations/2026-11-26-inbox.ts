import { type Kysely, sql } from "kysely";

/**
 * What an inbox does with its notifications: they are archived; quiet ones bring no toast; and edits of a listing that
 * nobody has read yet become one row with the net of them, which takes the place of the earlier row.
 */
export async function up(db: Kysely<never>): Promise<void> {
  // `edits_of` is the listing of the event, which is there for certain; a reference would be checked for each recipient.
  await sql`
    alter table notifications
      add column archived_at timestamptz,
      add column superseded_at timestamptz,
      add column quiet boolean not null default false,
      add column toasted_at timestamptz,
      add column edits_of bigint,
      add column edits jsonb,
      add constraint notifications_edits_are_of_something check ((edits_of is null) = (edits is null))`.execute(db);
  await sql`drop index notifications_unread`.execute(db);
  await sql`
    create index notifications_live on notifications (recipient_id, seq)
    where read_at is null and archived_at is null and superseded_at is null`.execute(db);
  await sql`
    create unique index notifications_edits_once on notifications (recipient_id, edits_of, reason)
    where edits_of is not null and read_at is null and archived_at is null and superseded_at is null`.execute(db);
}
