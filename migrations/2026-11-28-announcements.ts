import { type Kysely, sql } from "kysely";

/**
 * What admins announce to many, how far it has been told, and from how many it was taken back; and an index for the
 * enquiries that wait for an answer, over which admins look.
 */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    create table announcements (
      id bigint generated always as identity primary key,
      token uuid not null,
      event_id bigint not null references events (id),
      audience text not null check (audience in ('buyer', 'seller', 'everybody')),
      state text not null default 'sending' check (state in ('sending', 'stopped', 'sent', 'recalling', 'recalled')),
      version integer not null default 1,
      total integer not null check (total > 0),
      last_user_id bigint not null,
      sent_up_to bigint not null default 0,
      told integer not null default 0,
      recalled_up_to bigint not null default 0,
      taken_back integer not null default 0 check (taken_back <= told),
      recalled_at timestamptz,
      created_at timestamptz not null default clock_timestamp(),
      constraint announcements_once_each unique (token),
      constraint announcements_one_event unique (event_id)
    )`.execute(db);
  await sql`create index announcements_recalled on announcements (recalled_at) where recalled_at is not null`.execute(
    db,
  );
  // Only what waits is in it, which is little: it takes no longer to make than to read the table once.
  await sql`
    create index enquiries_waiting on enquiries (waiting_since, id) where waiting_since is not null`.execute(db);
}
