import { type Kysely, sql } from "kysely";

/**
 * What an inbox does with its notifications: they are archived; quiet ones bring no toast; and edits of a listing that
 * nobody has read yet become one row with the net of them, which takes the place of the earlier row.
 */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    alter table notifications
      add column archived_at timestamptz,
      add column superseded_at timestamptz,
      add column quiet boolean not null default false,
      add column toasted_at timestamptz,
      add column edits_of bigint references listings (id),
      add column edits jsonb,
      add constraint notifications_edits_are_of_something check ((edits_of is null) = (edits is null))`.execute(db);
  await sql`drop index notifications_unread`.execute(db);
  await sql`
    create index notifications_live on notifications (recipient_id, seq)
    where read_at is null and archived_at is null and superseded_at is null`.execute(db);
  await sql`
    create unique index notifications_edits_once on notifications (recipient_id, edits_of, reason)
    where edits_of is not null and read_at is null and archived_at is null and superseded_at is null`.execute(db);
  await net(db);
}

/** What two changes come to together: nothing where the second takes the first back. */
async function net(db: Kysely<never>): Promise<void> {
  await sql`
    create function net_change(earlier jsonb, later jsonb) returns jsonb language sql immutable parallel safe
    return case
      when earlier is null or later is null then coalesce(earlier, later)
      when earlier -> 'from' = later -> 'to' then null
      else jsonb_build_object('from', earlier -> 'from', 'to', later -> 'to')
    end`.execute(db);
  // Amounts in two currencies or units cannot be put side by side: what there was of them became a change of the text.
  await sql`
    create function net_edits(earlier jsonb, later jsonb) returns jsonb language sql immutable parallel safe
    return jsonb_strip_nulls(jsonb_build_object(
      'steps', (earlier ->> 'steps')::int + (later ->> 'steps')::int,
      'currency', later -> 'currency',
      'unit', later -> 'unit',
      'price', net_change(case when earlier -> 'currency' = later -> 'currency' then earlier -> 'price' end, later -> 'price'),
      'quantity', net_change(case when earlier -> 'unit' = later -> 'unit' then earlier -> 'quantity' end, later -> 'quantity'),
      'text', coalesce(earlier -> 'text', later -> 'text')
    ))`.execute(db);
}
