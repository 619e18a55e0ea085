import { type Kysely, sql } from "kysely";

// The whole first schema. Rules that must hold whatever the code does are constraints here.
export async function up(db: Kysely<never>): Promise<void> {
  await people(db);
  await marketplace(db);
  await conversations(db);
  await news(db);
}

async function people(db: Kysely<never>): Promise<void> {
  await sql`
    create table users (
      id bigint generated always as identity primary key,
      email text not null check (email = lower(email) and length(email) between 3 and 254),
      name text not null check (length(name) between 1 and 100),
      company text not null check (length(company) between 1 and 120),
      role text not null check (role in ('buyer', 'seller', 'admin')),
      password_hash text not null,
      status text not null default 'active' check (status in ('active', 'suspended')),
      created_at timestamptz not null default now(),
      constraint users_email_once unique (email)
    )`.execute(db);
  await sql`
    create table sessions (
      sid text primary key,
      sess json not null,
      expire timestamptz not null
    )`.execute(db);
  await sql`create index sessions_by_expiry on sessions (expire)`.execute(db);
  await sql`create index sessions_by_user on sessions ((sess -> 'passport' ->> 'user'))`.execute(db);
}

async function marketplace(db: Kysely<never>): Promise<void> {
  await sql`
    create table listings (
      id bigint generated always as identity primary key,
      seller_id bigint not null references users (id),
      title text not null check (length(title) between 1 and 120),
      description text not null check (length(description) <= 4000),
      category text not null check (length(category) between 1 and 40),
      quantity integer not null check (quantity between 1 and 1000000000),
      unit text not null check (length(unit) between 1 and 20),
      price_minor bigint not null check (price_minor between 0 and 100000000000000),
      currency text not null check (currency ~ '^[A-Z]{3}$'),
      location text not null check (length(location) between 1 and 120),
      status text not null default 'available'
        check (status in ('available', 'reserved', 'sold', 'withdrawn')),
      version integer not null default 1,
      reserved_for bigint references users (id),
      reserved_until timestamptz,
      created_at timestamptz not null default now(),
      updated_at timestamptz not null default now(),
      search tsvector generated always as (
        setweight(to_tsvector('simple', title), 'A') ||
        setweight(to_tsvector('simple', category || ' ' || location), 'B') ||
        setweight(to_tsvector('simple', description), 'C')
      ) stored,
      constraint listings_reserved_for_somebody check (
        (status = 'reserved') = (reserved_for is not null and reserved_until is not null)
      )
    )`.execute(db);
  await sql`create index listings_by_search on listings using gin (search)`.execute(db);
  await sql`create index listings_by_seller on listings (seller_id, id desc)`.execute(db);
  await sql`create index listings_by_status on listings (status, id desc)`.execute(db);
  await sql`create index listings_by_category on listings (category, id desc)`.execute(db);
  await sql`create index listings_by_change on listings (updated_at)`.execute(db);
  await sql`create index listings_by_reservation on listings (reserved_for) where reserved_for is not null`.execute(db);
  await sql`
    create table reservations (
      id bigint generated always as identity primary key,
      listing_id bigint not null references listings (id),
      buyer_id bigint not null references users (id),
      reserved_at timestamptz not null default now(),
      expires_at timestamptz not null,
      ended_at timestamptz,
      outcome text check (outcome in ('released', 'expired', 'sold', 'withdrawn')),
      constraint reservations_ended_somehow check ((ended_at is null) = (outcome is null))
    )`.execute(db);
  await sql`create unique index reservations_one_at_a_time on reservations (listing_id) where ended_at is null`.execute(
    db,
  );
  await sql`create index reservations_by_buyer on reservations (buyer_id, id desc)`.execute(db);
  await sql`
    create table watches (
      user_id bigint not null references users (id),
      listing_id bigint not null references listings (id),
      created_at timestamptz not null default now(),
      primary key (listing_id, user_id)
    )`.execute(db);
  await sql`create index watches_by_user on watches (user_id, created_at desc)`.execute(db);
}

async function conversations(db: Kysely<never>): Promise<void> {
  await sql`
    create table enquiries (
      id bigint generated always as identity primary key,
      listing_id bigint not null references listings (id),
      buyer_id bigint not null references users (id),
      created_at timestamptz not null default now(),
      last_message_at timestamptz not null default now(),
      constraint enquiries_one_thread_each unique (listing_id, buyer_id)
    )`.execute(db);
  await sql`create index enquiries_by_buyer on enquiries (buyer_id, last_message_at desc)`.execute(db);
  await sql`
    create table messages (
      id bigint generated always as identity primary key,
      enquiry_id bigint not null references enquiries (id),
      author_id bigint not null references users (id),
      body text not null check (length(body) between 1 and 4000),
      sent_at timestamptz not null default now()
    )`.execute(db);
  await sql`create index messages_by_enquiry on messages (enquiry_id, id)`.execute(db);
}

async function news(db: Kysely<never>): Promise<void> {
  await sql`
    create table events (
      id bigint generated always as identity primary key,
      kind text not null,
      actor_id bigint references users (id),
      listing_id bigint references listings (id),
      enquiry_id bigint references enquiries (id),
      data jsonb not null,
      occurred_at timestamptz not null default clock_timestamp(),
      delivered_at timestamptz
    )`.execute(db);
  await sql`create index events_by_listing on events (listing_id, id desc)`.execute(db);
  await sql`create index events_undelivered on events (listing_id, id) where delivered_at is null`.execute(db);
  await sql`create index events_by_time on events (occurred_at)`.execute(db);
  await sql`
    create table inboxes (
      user_id bigint primary key references users (id),
      last_seq bigint not null default 0,
      unread integer not null default 0 check (unread >= 0),
      unseen integer not null default 0 check (unseen >= 0),
      seen_seq bigint not null default 0,
      delivered_seq bigint not null default 0,
      revision bigint not null default 0
    ) with (fillfactor = 50)`.execute(db);
  await sql`
    create table notifications (
      recipient_id bigint not null references inboxes (user_id),
      seq bigint not null,
      event_id bigint not null references events (id),
      reason text not null,
      created_at timestamptz not null default clock_timestamp(),
      read_at timestamptz,
      primary key (recipient_id, seq),
      constraint notifications_once_each unique (recipient_id, event_id)
    )`.execute(db);
  await sql`create index notifications_unread on notifications (recipient_id, seq) where read_at is null`.execute(db);
  await sql`create index notifications_by_event on notifications (event_id)`.execute(db);
}
