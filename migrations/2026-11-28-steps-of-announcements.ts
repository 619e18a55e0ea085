import { type Kysely, sql } from "kysely";

/**
 * When an announcement last came further or changed its state, whoever does it: a page that was rendered before that, and
 * whose stream opened after it, is shown it.
 */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`alter table announcements add column moved_at timestamptz not null default now()`.execute(db);
  await sql`
    create function note_announcement_move() returns trigger language plpgsql as $$
    begin
      new.moved_at := clock_timestamp();
      return new;
    end $$`.execute(db);
  await sql`
    create trigger announcement_moves before update on announcements
    for each row execute function note_announcement_move()`.execute(db);
  await sql`create index announcements_moved on announcements (moved_at)`.execute(db);
}
