import { type Kysely, sql } from "kysely";

/** How often somebody has tried something, for all web processes; and the record of what concerns security. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    create table throttles (
      key text primary key,
      level double precision not null,
      free_at timestamptz not null,
      touched_at timestamptz not null
    )`.execute(db);
  await sql`create index throttles_by_age on throttles (touched_at)`.execute(db);
  await sql`
    create table audit_log (
      id bigint generated always as identity primary key,
      at timestamptz not null default clock_timestamp(),
      action text not null,
      actor_id bigint references users (id),
      subject_id bigint references users (id),
      address text,
      request_id text,
      details jsonb not null default '{}'
    )`.execute(db);
  await sql`create index audit_log_by_subject on audit_log (subject_id, id desc)`.execute(db);
  await sql`create index audit_log_by_actor on audit_log (actor_id, id desc)`.execute(db);
  await sql`create index audit_log_by_time on audit_log (at)`.execute(db);
  await guard(db);
}

// What is written stays as it was written. After 400 days it may be deleted, since it says who was where.
async function guard(db: Kysely<never>): Promise<void> {
  await sql`
    create function audit_log_is_only_added_to() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' then
        if old.at < now() - interval '400 days' then return old; end if;
      end if;
      raise exception 'the audit log is only added to' using errcode = 'restrict_violation';
    end $$`.execute(db);
  await sql`
    create trigger audit_log_keeps_rows before update or delete on audit_log
    for each row execute function audit_log_is_only_added_to()`.execute(db);
  await sql`
    create trigger audit_log_keeps_all before truncate on audit_log
    for each statement execute function audit_log_is_only_added_to()`.execute(db);
}
