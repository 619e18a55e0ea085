import { type Kysely, sql } from "kysely";

/**
 * How each conversation stands: whose it is as a seller, since when a buyer waits, and how far each has seen it. The
 * database keeps this up itself, since the release before this one goes on writing messages while it is replaced.
 */
export async function up(db: Kysely<never>): Promise<void> {
  await sql`
    alter table enquiries
      add column seller_id bigint references users (id),
      add column waiting_since timestamptz,
      add column buyer_seen_id bigint not null default 0,
      add column buyer_seen_at timestamptz,
      add column seller_seen_id bigint not null default 0,
      add column seller_seen_at timestamptz,
      add column moved_at timestamptz not null default clock_timestamp()`.execute(db);
  await sql`
    create function enquiry_opens() returns trigger language plpgsql as $$
    begin
      new.seller_id := (select seller_id from listings where id = new.listing_id);
      return new;
    end $$`.execute(db);
  await sql`
    create trigger enquiry_opens before insert on enquiries
      for each row execute function enquiry_opens()`.execute(db);
  await whoIsWritten(db);
  await whatIsThere(db);
  await sql`alter table enquiries alter column seller_id set not null`.execute(db);
  // A seller's list as it is shown: who has waited longest, then the answered ones, last written in first.
  await sql`
    create index enquiries_by_seller on enquiries (seller_id, waiting_since, last_message_at desc, id desc)`.execute(
    db,
  );
  await sql`create index enquiries_moved on enquiries (moved_at)`.execute(db);
  await sql`create index enquiries_moved_by_buyer on enquiries (buyer_id, moved_at)`.execute(db);
  await sql`create index enquiries_moved_by_seller on enquiries (seller_id, moved_at)`.execute(db);
}

// A buyer's message begins the wait unless there is one, a seller's ends it. Whoever writes has seen what was before.
async function whoIsWritten(db: Kysely<never>): Promise<void> {
  await sql`
    create function enquiry_goes_on() returns trigger language plpgsql as $$
    begin
      update enquiries e set
        last_message_at = clock_timestamp(),
        moved_at = clock_timestamp(),
        waiting_since = case when new.author_id = e.buyer_id then coalesce(e.waiting_since, new.sent_at) end,
        buyer_seen_id = case when new.author_id = e.buyer_id and before.id > e.buyer_seen_id
          then before.id else e.buyer_seen_id end,
        buyer_seen_at = case when new.author_id = e.buyer_id and before.id > e.buyer_seen_id
          then clock_timestamp() else e.buyer_seen_at end,
        seller_seen_id = case when new.author_id = e.seller_id and before.id > e.seller_seen_id
          then before.id else e.seller_seen_id end,
        seller_seen_at = case when new.author_id = e.seller_id and before.id > e.seller_seen_id
          then clock_timestamp() else e.seller_seen_at end
      from (
        select coalesce(max(id), 0) as id from messages
        where enquiry_id = new.enquiry_id and author_id <> new.author_id and id < new.id
      ) before
      where e.id = new.enquiry_id;
      return null;
    end $$`.execute(db);
  await sql`
    create trigger enquiry_goes_on after insert on messages
      for each row execute function enquiry_goes_on()`.execute(db);
}

// Nobody knows what was seen before this was noted, but whoever answered had seen what they answered.
async function whatIsThere(db: Kysely<never>): Promise<void> {
  await sql`
    update enquiries e set
      seller_id = l.seller_id,
      moved_at = e.last_message_at,
      waiting_since = (
        select min(sent_at) from messages m where m.enquiry_id = e.id and m.id > coalesce((
          select max(id) from messages where enquiry_id = e.id and author_id <> e.buyer_id), 0)),
      buyer_seen_id = coalesce((
        select max(id) from messages m where m.enquiry_id = e.id and m.author_id <> e.buyer_id and m.id < (
          select max(id) from messages where enquiry_id = e.id and author_id = e.buyer_id)), 0),
      seller_seen_id = coalesce((
        select max(id) from messages m where m.enquiry_id = e.id and m.author_id = e.buyer_id and m.id < (
          select max(id) from messages where enquiry_id = e.id and author_id <> e.buyer_id)), 0)
    from listings l where l.id = e.listing_id`.execute(db);
}
