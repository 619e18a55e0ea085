import { sql } from "kysely";
import type { Trx } from "../db.ts";
import { findEvent, type LoggedEvent } from "../events/log.ts";
import { addJob, type Jobs } from "../queue.ts";
import { announceGone } from "./announce.ts";
import { isRecipient, lockAnnouncement, setState } from "./announcements.ts";
import { type Parts, ring, ringAgain } from "./deliver.ts";
import { LIVE } from "./inbox.ts";
import { recount } from "./marks.ts";
import { type Delivery, store } from "./store.ts";

// Each batch holds the locks of its inboxes for some hundredths of a second, and a worker for not much longer. Between
// two of them everything else that people are to be told of goes its way.
const BATCH = 500;
const PAUSE_MS = 500;

type Batch = Jobs["send_announcement"];

/**
 * Tells the next five hundred people of an announcement, by their ids, and leaves a job for those after them. One
 * transaction: who has been told, how far it has come and the next job are there together. A job that runs twice tells
 * nobody twice: the first time has moved the row on.
 */
export async function sendBatch(parts: Parts, batch: Batch, attempt = 1): Promise<void> {
  const sent = await parts.db.transaction().execute((trx) => storeBatch(trx, batch));
  if (sent) return ring(parts, sent.event, sent.deliveries);
  // It may have been killed between its commit and the bell.
  const told = attempt > 1 ? await findTold(parts, batch.announcementId) : null;
  if (told && told.upTo > batch.after) await ringAgain(parts, told.event, { after: batch.after, upTo: told.upTo });
}

async function storeBatch(
  trx: Trx,
  { announcementId, after }: Batch,
): Promise<{ event: LoggedEvent; deliveries: Delivery[] } | null> {
  const row = await lockAnnouncement(trx, announcementId);
  if (row?.state !== "sending" || row.sent_up_to !== after) return null;
  const event = await findEvent(trx, row.event_id);
  if (!event) return null;
  const next = await trx
    .selectFrom("users")
    .select("id")
    .where(isRecipient(row.audience))
    .where("id", ">", after)
    .where("id", "<=", row.last_user_id)
    .orderBy("id")
    .offset(BATCH)
    .limit(1)
    .executeTakeFirst();
  const upTo = next ? next.id - 1 : row.last_user_id;
  const deliveries = await store(trx, event, { after, upTo });
  await trx
    .updateTable("announcements")
    .set(({ eb }) => ({ sent_up_to: upTo, told: eb("told", "+", deliveries.length) }))
    .where("id", "=", row.id)
    .execute();
  if (next) await addJob(trx, "send_announcement", { announcementId, after: upTo }, { delayMs: PAUSE_MS });
  else await setState(trx, row.id, "sent");
  return { event, deliveries };
}

async function findTold({ db }: Parts, id: number): Promise<{ event: LoggedEvent; upTo: number } | null> {
  const row = await db.selectFrom("announcements").selectAll().where("id", "=", id).executeTakeFirst();
  const event = row && (await findEvent(db, row.event_id));
  return event ? { event, upTo: row.sent_up_to } : null;
}

type Gone = { userId: number; seq: number };

/**
 * Takes an announcement back from the next five hundred inboxes, as far as it has not been seen there, and leaves a job
 * for those after them. Its number stays given out, so that no inbox has a hole; its row is as one whose place another
 * has taken, which no page, stream or answer shows. Safe to run twice as sendBatch() is.
 */
export async function recallBatch(parts: Parts, batch: Batch, attempt = 1): Promise<void> {
  const taken = await parts.db.transaction().execute((trx) => takeBatchBack(trx, batch));
  const gone = taken?.gone ?? (attempt > 1 ? await findGone(parts, batch) : []);
  await announceGone(parts.db, parts.bus, gone);
  // For the admins, who see how far it has come.
  if (taken) await ring(parts, taken.event, []);
}

async function takeBatchBack(
  trx: Trx,
  { announcementId, after }: Batch,
): Promise<{ event: LoggedEvent; gone: Gone[] } | null> {
  const row = await lockAnnouncement(trx, announcementId);
  if (row?.state !== "recalling" || row.recalled_up_to !== after) return null;
  const event = await findEvent(trx, row.event_id);
  if (!event) return null;
  // Whatever has become of their roles: whoever has it may have it taken back.
  const next = await trx
    .selectFrom("inboxes")
    .select("user_id as id")
    .where("user_id", ">", after)
    .where("user_id", "<=", row.sent_up_to)
    .orderBy("user_id")
    .offset(BATCH)
    .limit(1)
    .executeTakeFirst();
  const upTo = next ? next.id - 1 : Math.max(after, row.sent_up_to);
  const gone = await supersedeUnseen(trx, event.id, { after, upTo });
  await trx
    .updateTable("announcements")
    .set(({ eb }) => ({ recalled_up_to: upTo, taken_back: eb("taken_back", "+", gone.length) }))
    .where("id", "=", row.id)
    .execute();
  if (next) await addJob(trx, "recall_announcement", { announcementId, after: upTo }, { delayMs: PAUSE_MS });
  else await setState(trx, row.id, "recalled");
  return { event, gone };
}

/** Holds the inboxes, in the order of ids, before it looks at what has been seen: whoever marks holds them as well. */
async function supersedeUnseen(trx: Trx, eventId: number, { after, upTo }: { after: number; upTo: number }) {
  await sql`
    select 1 from inboxes
    where user_id > ${after} and user_id <= ${upTo}
      and exists (select 1 from notifications where recipient_id = user_id and event_id = ${eventId})
    order by user_id
    for no key update`.execute(trx);
  const { rows } = await sql<Gone>`
    update notifications set superseded_at = clock_timestamp()
    from inboxes
    where inboxes.user_id = recipient_id and user_id > ${after} and user_id <= ${upTo}
      and event_id = ${eventId} and ${LIVE} and seq > seen_seq
    returning user_id as "userId", seq`.execute(trx);
  await recount(
    trx,
    rows.map(({ userId }) => userId),
  );
  return rows;
}

/** What has been taken back already from those whose ids are above one. */
async function findGone({ db }: Parts, { announcementId, after }: Batch): Promise<Gone[]> {
  return db
    .selectFrom("announcements")
    .innerJoin("notifications", "notifications.event_id", "announcements.event_id")
    .select(["recipient_id as userId", "seq"])
    .where("announcements.id", "=", announcementId)
    .where("recipient_id", ">", after)
    .where("superseded_at", "is not", null)
    .execute();
}
