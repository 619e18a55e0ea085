import type { JobHelpers, TaskList } from "graphile-worker";
import type { Kysely } from "kysely";
import type { Bus } from "./bus.ts";
import type { Config } from "./config.ts";
import type { Database } from "./db.ts";
import type { Log } from "./log.ts";
import { warnOfExpiry } from "./marketplace/ending.ts";
import { expireReservation } from "./marketplace/reservations.ts";
import { announceMarks, announceSeen, endStreams } from "./notifications/announce.ts";
import { recallBatch, sendBatch } from "./notifications/broadcast.ts";
import { deliverAlone, deliverEvent } from "./notifications/deliver.ts";
import { proveIsolation } from "./oversight/proving.ts";
import { type Jobs, SCATTER, type TaskHandlers } from "./queue.ts";
import { deleteOld } from "./retention.ts";

type Parts = { config: Pick<Config, "retentionDays">; db: Kysely<Database>; bus: Bus; log: Log };

/** What each job does. Handlers throw to be tried again, return quietly when their subject is gone, and may run twice. */
export function createTasks({ config, db, bus, log }: Parts): TaskHandlers {
  return {
    deliver_event: ({ eventId, listingId }, attempt) => deliverEvent({ db, bus, log }, eventId, attempt, listingId),
    deliver_alone: ({ eventId }, attempt) => deliverAlone({ db, bus, log }, eventId, attempt),
    expire_reservation: ({ reservationId }) => expireReservation(db, reservationId),
    warn_of_expiry: ({ reservationId }) => warnOfExpiry(db, reservationId),
    announce_marks: ({ userId, seqs }) => announceMarks(db, bus, userId, seqs),
    announce_seen: ({ enquiryId, readerId }) => announceSeen(db, bus, enquiryId, readerId),
    end_streams: (ending) => endStreams(bus, ending),
    delete_old: (job) => deleteOld(db, config.retentionDays, job),
    send_announcement: (batch, attempt) => sendBatch({ db, bus, log }, batch, attempt),
    recall_announcement: (batch, attempt) => recallBatch({ db, bus, log }, batch, attempt),
    prove_isolation: ({ by }) => proveIsolation({ db, log }, by),
  };
}

/** The same for graphile-worker: what fails is tried again, each time after a longer and not quite certain while. */
export function taskList(tasks: TaskHandlers): TaskList {
  const entries = Object.entries(tasks) as [keyof Jobs, (payload: unknown, attempt: number) => Promise<void>][];
  return Object.fromEntries(
    entries.map(([name, task]) => [
      name,
      (payload: unknown, { job, query }: JobHelpers) =>
        task(payload, job.attempts).catch(async (error) => {
          await query(SCATTER, [job.id]).catch(() => {});
          throw error;
        }),
    ]),
  );
}
