import { sql } from "kysely";
import type { Db } from "./db.ts";

/**
 * Makes the demo look as if it had happened over two days and not in this second: three quarters of an hour from one
 * event to the next, the last of them a few minutes ago. What is reserved stays so for as long as it was to.
 */
export async function ageDemo(db: Db): Promise<void> {
  await sql`
    update events set occurred_at = aged.at
    from (
      select id, now() - interval '4 minutes' - (max(id) over () - id) * interval '47 minutes' as at
      from events where occurred_at > now() - interval '1 hour'
    ) aged
    where aged.id = events.id`.execute(db);
  await sql`
    update notifications set created_at = events.occurred_at from events where events.id = notifications.event_id`.execute(
    db,
  );
  await sql`
    update listings set created_at = told.first, updated_at = told.last
    from (
      select listing_id, min(occurred_at) as first,
        max(occurred_at) filter (where kind not in ('enquiry_received', 'enquiry_replied')) as last
      from events group by listing_id
    ) told
    where told.listing_id = listings.id`.execute(db);
  await sql`
    update messages set sent_at = told.at
    from (
      select message.id, event.occurred_at as at
      from (select id, enquiry_id, row_number() over (partition by enquiry_id order by id) as n from messages) message
      join (
        select enquiry_id, occurred_at, row_number() over (partition by enquiry_id order by id) as n
        from events where kind in ('enquiry_received', 'enquiry_replied')
      ) event using (enquiry_id, n)
    ) told
    where told.id = messages.id`.execute(db);
  await sql`
    update enquiries set created_at = said.first, last_message_at = said.last, moved_at = said.last,
      waiting_since = case when waiting_since is not null then said.last end
    from (select enquiry_id, min(sent_at) as first, max(sent_at) as last from messages group by enquiry_id) said
    where said.enquiry_id = enquiries.id`.execute(db);
}
