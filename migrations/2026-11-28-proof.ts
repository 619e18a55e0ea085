import { type Kysely, sql } from "kysely";

/**
 * What the isolation proof needs: what held in the past, kept by the database itself whoever changes it, from the moment
 * in `past_kept` on; and what was proven. See docs/decisions/0017-isolation-is-proven.md.
 */
export async function up(db: Kysely<never>): Promise<void> {
  await results(db);
  await past(db);
  await endsOfStanding(db, "watches", "watch");
  await endsOfStanding(db, "mutes", "mute");
  await endsOfChoices(db);
  await endsOfAccounts(db);
  await sql`create table past_kept (since timestamptz not null default clock_timestamp())`.execute(db);
  await sql`create unique index past_kept_once on past_kept ((true))`.execute(db);
  await sql`insert into past_kept default values`.execute(db);
}

async function results(db: Kysely<never>): Promise<void> {
  await sql`
    create table proofs (
      id bigint generated always as identity primary key,
      begun_at timestamptz not null,
      ended_at timestamptz not null default clock_timestamp(),
      since timestamptz not null,
      by bigint references users (id),
      events integer not null,
      recipients bigint not null,
      not_judged bigint not null,
      leaks bigint not null,
      lost bigint not null,
      other_reasons bigint not null,
      no_rule bigint not null,
      undelivered integer not null,
      differences jsonb not null,
      waiting jsonb not null
    )`.execute(db);
}

// Without references: what is written here must never keep somebody from unwatching, and nothing of it is ever deleted.
async function past(db: Kysely<never>): Promise<void> {
  await sql`
    create table past_states (
      id bigint generated always as identity primary key,
      about text not null check (about in ('watch', 'mute', 'choice', 'account')),
      user_id bigint not null,
      listing_id bigint,
      kind text,
      shown text,
      role text,
      status text,
      since timestamptz,
      until timestamptz not null default clock_timestamp()
    )`.execute(db);
  await sql`create index past_states_by_user on past_states (user_id, about, until)`.execute(db);
  await sql`
    create index past_states_by_listing on past_states (listing_id, about, until)
    where listing_id is not null`.execute(db);
  await sql`create index past_states_by_end on past_states (until)`.execute(db);
}

/** A watch or a mute that ends. */
async function endsOfStanding(db: Kysely<never>, table: string, about: string): Promise<void> {
  await sql`
    create function ${sql.raw(`${about}_ends`)}() returns trigger language plpgsql as $$
    begin
      insert into past_states (about, user_id, listing_id, since)
      values (${sql.lit(about)}, old.user_id, old.listing_id, old.created_at);
      return null;
    end $$`.execute(db);
  await sql`
    create trigger ${sql.raw(`${about}_ends`)} after delete or update of user_id, listing_id on ${sql.table(table)}
    for each row execute function ${sql.raw(`${about}_ends`)}()`.execute(db);
}

// Nobody knows since when the choices hold that are there already: `since` stays null for them.
async function endsOfChoices(db: Kysely<never>): Promise<void> {
  await sql`alter table kind_preferences add column since timestamptz`.execute(db);
  await sql`alter table kind_preferences alter column since set default clock_timestamp()`.execute(db);
  await sql`
    create function choice_ends() returns trigger language plpgsql as $$
    begin
      insert into past_states (about, user_id, kind, shown, since)
      values ('choice', old.user_id, old.kind, old.shown, old.since);
      if tg_op = 'DELETE' then return old; end if;
      new.since := clock_timestamp();
      return new;
    end $$`.execute(db);
  await sql`
    create trigger choice_ends before delete on kind_preferences
    for each row execute function choice_ends()`.execute(db);
  await sql`
    create trigger choice_changes before update on kind_preferences
    for each row when ((old.user_id, old.kind, old.shown) is distinct from (new.user_id, new.kind, new.shown))
    execute function choice_ends()`.execute(db);
}

// Each state of an account begins where the one before it ended: the row is locked, so there is an order.
async function endsOfAccounts(db: Kysely<never>): Promise<void> {
  await sql`
    create function account_changes() returns trigger language plpgsql as $$
    begin
      insert into past_states (about, user_id, role, status, since)
      values ('account', old.id, old.role, old.status,
        (select max(until) from past_states where about = 'account' and user_id = old.id));
      return null;
    end $$`.execute(db);
  await sql`
    create trigger account_changes after update of role, status on users
    for each row when ((old.role, old.status) is distinct from (new.role, new.status))
    execute function account_changes()`.execute(db);
}
