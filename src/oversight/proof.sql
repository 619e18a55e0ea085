-- Who should have been told of each event and why, from the tables alone, beside who was told: the rules stated anew, so
-- that a fault in the code that tells people has to be made twice to stay unseen.
--   $1 the id after which to begin   $2 how many events to read   $3 the last id
--   $4 since when they were delivered   $5 how near a change to the delivery may be for nobody to know which came first
-- Times of what a transaction wrote say little about when others could see it. So everything is asked for a span around
-- each delivery: "surely" is what held throughout, "perhaps" what held at some moment of it. Told for a reason, or not
-- told, that no moment explains is a difference; where more than one outcome is explained, nothing is judged.
-- A line that ends with "rule" is one of the rules: test/oversight/proof-faults.test.ts takes each away, and turns each round.
with

-- For which reasons people are told of each kind. Of several the first is given.
rules as materialized (
  select kind, reason, place
  from (values
    ('listing_published', '{}'::text[]),
    ('listing_updated', '{reserved_for_you, your_listing, your_enquiry, watching}'), -- rule: listing_updated
    ('listing_reserved', '{reserved_for_you, your_listing, your_enquiry, watching}'), -- rule: listing_reserved
    ('reservation_extended', '{reserved_for_you, your_listing}'), -- rule: reservation_extended
    ('reservation_ending', '{reserved_for_you, your_listing}'), -- rule: reservation_ending
    ('listing_released', '{your_reservation, your_listing, your_enquiry, watching}'), -- rule: listing_released
    ('reservation_expired', '{your_reservation, your_listing, your_enquiry, watching}'), -- rule: reservation_expired
    ('listing_sold', '{reserved_for_you, your_listing, your_enquiry, watching}'), -- rule: listing_sold
    ('listing_withdrawn', '{your_reservation, your_listing, your_enquiry, watching}'), -- rule: listing_withdrawn
    ('listing_relisted', '{your_listing, your_enquiry, watching}'), -- rule: listing_relisted
    ('enquiry_received', '{your_listing}'), -- rule: enquiry_received
    ('enquiry_replied', '{your_listing, your_enquiry}'), -- rule: enquiry_replied
    ('announcement', '{announced_to_buyers, announced_to_sellers}') -- rule: announcement
  ) told (kind, reasons)
  left join lateral unnest(reasons) with ordinality why (reason, place) on true
),

-- For whom a reason is, and whether a person may decline what is told for it.
reasons (reason, role, optional) as materialized (
  values
    ('reserved_for_you', 'buyer', false), -- rule: reserved_for_you
    ('your_reservation', 'buyer', false), -- rule: your_reservation
    ('your_listing', 'seller', true), -- rule: your_listing
    ('your_enquiry', 'buyer', true), -- rule: your_enquiry
    ('watching', 'buyer', true), -- rule: watching
    ('announced_to_buyers', 'buyer', false), -- rule: announced_to_buyers
    ('announced_to_sellers', 'seller', false) -- rule: announced_to_sellers
),

slice as materialized (
  select id, kind, actor_id, listing_id, enquiry_id, data, occurred_at, delivered_at
  from events where id > $1 and id <= $3 order by id limit $2
),

told as materialized (
  select notifications.event_id, notifications.recipient_id as user_id, notifications.reason, notifications.created_at
  from slice join notifications on notifications.event_id = slice.id
  where slice.delivered_at >= $4 and slice.kind in (select kind from rules)
),

-- Each event with the people it can be about, and the span within which somebody read who is to be told: from when it was
-- marked as delivered to when the last was told, which may have waited for another event's. An announcement is told in
-- batches from when it was sent, up to the person whom its sending has reached.
event as materialized (
  select slice.id, slice.kind, slice.actor_id, slice.listing_id, slice.enquiry_id,
    listings.seller_id, enquiries.buyer_id as asker_id, reservations.buyer_id as holder_id,
    slice.data ->> 'to' as announced_to, announcements.sent_up_to,
    case when announcements.id is null then slice.delivered_at else slice.occurred_at end - $5::interval as early,
    case when announcements.id is null
      then greatest(slice.delivered_at, least(lasted.at, slice.delivered_at + interval '30 seconds'))
      else greatest(slice.delivered_at, lasted.at)
    end + $5::interval as late
  from slice
  left join (select event_id, max(created_at) as at from told group by event_id) lasted on lasted.event_id = slice.id
  left join announcements on announcements.event_id = slice.id
  left join listings on listings.id = slice.listing_id
  left join enquiries on enquiries.id = slice.enquiry_id
  -- The buyer whom the event names, if the listing was reserved for them when it happened.
  left join lateral (
    select buyer_id from reservations
    where reservations.buyer_id = (slice.data ->>
        case slice.kind when 'listing_updated' then 'reservedFor' else 'buyerId' end)::bigint
      and reservations.listing_id = slice.listing_id -- rule: reserved this listing
      and reservations.reserved_at <= slice.delivered_at -- rule: reserved by then
      and coalesce(reservations.ended_at, 'infinity') >= slice.occurred_at - $5::interval -- rule: reserved still
    limit 1
  ) reservations on true
  where slice.delivered_at >= $4 and slice.kind in (select kind from rules)
),

-- What holds, and what has held and was kept by the database when it ended.
held as not materialized (
  select 'watch' as about, user_id, listing_id, null::text as kind, created_at as since, 'infinity'::timestamptz as until
  from watches
  union all select 'enquiry', buyer_id, listing_id, null, created_at, 'infinity' from enquiries
  union all select 'mute', user_id, listing_id, null, created_at, 'infinity' from mutes
  union all select 'choice', user_id, null, kind, coalesce(since, '-infinity'), 'infinity' from kind_preferences
    where shown = 'off' -- rule: only off is off
  union all select about, user_id, listing_id, kind, coalesce(since, '-infinity'), until from past_states
    where about in ('watch', 'mute') -- rule: what has ended held before
  union all select about, user_id, listing_id, kind, coalesce(since, '-infinity'), until from past_states
    where about = 'choice' and shown = 'off' -- rule: only off was off
),

account as materialized (
  select user_id, role, status, coalesce(since, '-infinity') as since, until from past_states
  where about = 'account' -- rule: accounts were others before
  union all
  select users.id, role, status, coalesce(changed.at, '-infinity'), 'infinity' from users
  left join (select user_id, max(until) as at from past_states where about = 'account' group by user_id) changed
    on changed.user_id = users.id
),

-- Everybody whom an event concerns, with each reason.
concerned as (
  select event.id as event_id, event.holder_id as user_id, rules.reason, rules.place, true as surely
  from event join rules on rules.kind = event.kind
  where rules.reason in ('reserved_for_you', 'your_reservation') -- rule: for the holder
  union all
  select event.id, event.seller_id, rules.reason, rules.place, true
  from event join rules on rules.kind = event.kind
  where rules.reason = 'your_listing' -- rule: for the seller
  union all
  select event.id, event.asker_id, rules.reason, rules.place, true
  from event join rules on rules.kind = event.kind
  where rules.reason = 'your_enquiry' -- rule: for the asker
    and event.kind = 'enquiry_replied' -- rule: answers are for the asker
  union all
  select event.id, held.user_id, rules.reason, rules.place, held.since < event.early and held.until > event.late
  from event join rules on rules.kind = event.kind
  join held on held.about = 'enquiry' and held.listing_id = event.listing_id
    and held.since <= event.late -- rule: asked by then
  where rules.reason = 'your_enquiry' -- rule: for all who asked
    and event.kind <> 'enquiry_replied' -- rule: answers are for nobody else
  union all
  select event.id, held.user_id, rules.reason, rules.place, held.since < event.early and held.until > event.late
  from event join rules on rules.kind = event.kind
  join held on held.about = 'watch' and held.listing_id = event.listing_id
    and held.since <= event.late -- rule: watching by then
    and held.until >= event.early -- rule: watching still
  where rules.reason = 'watching' -- rule: for all who watch
  union all
  select event.id, users.id, rules.reason, rules.place, true
  from event join rules on rules.kind = event.kind
  join reasons on reasons.reason = rules.reason
  join users on true
    and users.id <= event.sent_up_to -- rule: sent so far
  where event.announced_to in (reasons.role, 'everybody') -- rule: announced to this role
),

-- Of them those who may know: active, with the role that the reason is for, and not the one who did it.
entitled as (
  select concerned.event_id, concerned.user_id, concerned.reason, concerned.place, reasons.optional,
    bool_or(concerned.surely) and bool_and(may.know) as surely
  from concerned
  join event on event.id = concerned.event_id
  join reasons on reasons.reason = concerned.reason
  join account on account.user_id = concerned.user_id
    and account.since <= event.late -- rule: the account was so by then
    and account.until >= event.early -- rule: the account was so still
  cross join lateral (values (
    account.status = 'active' -- rule: active
    and account.role = reasons.role -- rule: of the role
  )) may (know)
  where concerned.user_id is distinct from event.actor_id -- rule: not the actor
  group by concerned.event_id, concerned.user_id, concerned.reason, concerned.place, reasons.optional
  having bool_or(may.know)
),

-- For which of the reasons they may have been told: none behind one that surely held.
reasoned as materialized (
  select * from (
    select entitled.*, min(place) filter (where surely) over (partition by event_id, user_id) as first_sure from entitled
  ) ranked
  where place <= coalesce(first_sure, place) -- rule: the first reason
),

-- Who had declined it, by the kind or by the listing. Nobody mutes their own conversations with a listing.
declined as (
  select event_id, user_id, bool_or(surely) as surely
  from (
    select reasoned.event_id, reasoned.user_id, held.since < event.early and held.until > event.late as surely
    from reasoned join event on event.id = reasoned.event_id
    join held on held.about = 'mute' and held.user_id = reasoned.user_id and held.listing_id = event.listing_id
      and held.since <= event.late -- rule: muted by then
      and held.until >= event.early -- rule: muted still
    where event.enquiry_id is null -- rule: conversations are not muted
    union all
    select reasoned.event_id, reasoned.user_id, held.since < event.early and held.until > event.late
    from reasoned join event on event.id = reasoned.event_id
    join held on held.about = 'choice' and held.user_id = reasoned.user_id and held.kind = event.kind
      and held.since <= event.late -- rule: off by then
      and held.until >= event.early -- rule: off still
  ) each
  group by event_id, user_id
),

-- Every outcome that some moment of the span explains: told for one of `due`, or not at all.
explained as (
  select reasoned.event_id, reasoned.user_id,
    array_agg(reasoned.reason order by reasoned.place) filter (where not coalesce(declined.surely, false)) as due,
    bool_and(not reasoned.surely) or bool_or(declined.event_id is not null) as perhaps_none
  from reasoned left join declined on declined.event_id = reasoned.event_id and declined.user_id = reasoned.user_id
    and reasoned.optional -- rule: what is not optional comes
  group by reasoned.event_id, reasoned.user_id
),

verdicts as (
  select coalesce(explained.event_id, told.event_id) as event_id, coalesce(explained.user_id, told.user_id) as user_id,
    told.reason as told, explained.due,
    case
      when told.reason is not null and explained.due is null then 'leak'
      when told.reason <> all (explained.due) then 'reason'
      when told.reason is null and not explained.perhaps_none then 'lost'
      when cardinality(coalesce(explained.due, '{}')) + explained.perhaps_none::int > 1 then 'unjudged'
    end as verdict
  from explained full join told on told.event_id = explained.event_id and told.user_id = explained.user_id
),

differences as (
  select event_id, user_id, told, due[1] as due, verdict from verdicts where verdict in ('leak', 'lost', 'reason')
  union all
  select id, null, null, null, 'no_rule' from slice where delivered_at >= $4 and kind not in (select kind from rules)
)

select
  (select max(id) from slice) as "lastId",
  (select count(*) from slice where delivered_at >= $4) as events,
  (select count(*) from told) as recipients,
  (select count(*) from verdicts where verdict = 'unjudged') as "notJudged",
  (select count(*) from differences where verdict = 'leak') as leaks,
  (select count(*) from differences where verdict = 'lost') as lost,
  (select count(*) from differences where verdict = 'reason') as "otherReasons",
  (select count(*) from differences where verdict = 'no_rule') as "noRule",
  (
    select coalesce(json_agg(json_build_object('eventId', event_id, 'userId', user_id, 'what', verdict,
      'told', told, 'due', due)), '[]')
    from (select * from differences order by array_position('{leak,lost,reason,no_rule}', verdict), event_id, user_id
      limit 100) shown
  ) as differences
