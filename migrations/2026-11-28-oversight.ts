import { type Kysely, sql } from "kysely";

/** The event log can be searched; it is known when each event was told, to whom not and why, and when it was on a screen. */
export async function up(db: Kysely<never>): Promise<void> {
  await search(db);
  await times(db);
  await refusals(db);
}

// Whose doing it was and whom it is about: the same ids as peopleIn() of src/events/people.ts.
async function search(db: Kysely<never>): Promise<void> {
  await sql`
    create function event_people(actor_id bigint, data jsonb) returns bigint[] immutable parallel safe language sql as $$
      select array_remove(array[
        actor_id, (data ->> 'sellerId')::bigint, (data ->> 'buyerId')::bigint, (data ->> 'reservedFor')::bigint
      ], null)
    $$`.execute(db);
  await sql`create index events_by_person on events using gin (event_people(actor_id, data))`.execute(db);
  await sql`create index events_by_kind on events (kind, id desc)`.execute(db);
}

async function times(db: Kysely<never>): Promise<void> {
  await sql`alter table events add column published_at timestamptz`.execute(db);
  // Beside the notifications and not in them: whoever notes what was seen locks nothing that others wait for.
  await sql`
    create table sightings (
      recipient_id bigint not null,
      seq bigint not null,
      written_at timestamptz,
      shown_at timestamptz,
      live boolean not null default false,
      primary key (recipient_id, seq),
      foreign key (recipient_id, seq) references notifications (recipient_id, seq) on delete cascade
    )`.execute(db);
}

/** Who was looked at and not told. */
async function refusals(db: Kysely<never>): Promise<void> {
  await sql`
    create table refusals (
      event_id bigint not null references events (id) on delete cascade,
      user_id bigint not null references users (id),
      reason text not null,
      why text not null,
      primary key (event_id, user_id)
    )`.execute(db);
}
