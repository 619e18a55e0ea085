import { type Kysely, sql } from "kysely";

/** How each process has fared, minute by minute: written by itself every few seconds, and kept for two days. */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    create table pulses (
      process text not null,
      minute timestamptz not null,
      kind text not null check (kind in ('web', 'worker')),
      release text not null,
      host text not null,
      pid integer not null,
      started_at timestamptz not null,
      at timestamptz not null,
      ended boolean not null default false,
      bus_up boolean not null,
      streams jsonb not null,
      polling integer not null,
      written integer[] not null,
      shown integer[] not null,
      catchups integer not null,
      cuts integer not null,
      primary key (process, minute)
    )`.execute(db);
  await sql`create index pulses_by_minute on pulses (minute)`.execute(db);
}
