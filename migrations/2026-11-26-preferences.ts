import { type Kysely, sql } from "kysely";

/** What people want to be told and how: each kind, quiet hours, toasts that stay, and the listings they have muted. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    create table preferences (
      user_id bigint primary key references users (id),
      quiet_from time,
      quiet_to time,
      time_zone text not null default 'UTC',
      keep_toasts boolean not null default false,
      constraint preferences_quiet_both_or_none check ((quiet_from is null) = (quiet_to is null)),
      constraint preferences_quiet_some_time check (quiet_from <> quiet_to),
      constraint preferences_zone_is_known check (
        (timestamptz '2000-01-01 00:00:00+00' at time zone time_zone) is not null
      )
    )`.execute(db);
  // Only what differs from a toast has a row.
  await sql`
    create table kind_preferences (
      user_id bigint not null references users (id),
      kind text not null,
      shown text not null check (shown in ('inbox', 'off')),
      primary key (user_id, kind)
    )`.execute(db);
  await sql`
    create table mutes (
      user_id bigint not null references users (id),
      listing_id bigint not null references listings (id),
      created_at timestamptz not null default now(),
      primary key (listing_id, user_id)
    )`.execute(db);
  await sql`create index mutes_by_user on mutes (user_id, created_at desc)`.execute(db);
}
