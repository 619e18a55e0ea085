import type { JobHelpers, TaskList } from "graphile-worker";
import type { Kysely } from "kysely";
import type { Bus } from "./bus.ts";
import type { Database } from "./db.ts";
import type { Log } from "./log.ts";
import { expireReservation } from "./marketplace/reservations.ts";
import { announceMarks, endStreams } from "./notifications/announce.ts";
import { deliverEvent } from "./notifications/deliver.ts";
import type { Jobs, TaskHandlers } from "./queue.ts";

type Parts = { db: Kysely<Database>; bus: Bus; log: Log };

/** What each job does. Handlers throw to be tried again, return quietly when their subject is gone, and may run twice. */
export function createTasks({ db, bus, log }: Parts): TaskHandlers {
  return {
    deliver_event: ({ eventId }, attempt) => deliverEvent({ db, bus, log }, eventId, attempt),
    expire_reservation: ({ reservationId }) => expireReservation(db, reservationId),
    announce_marks: ({ userId, seqs }) => announceMarks(db, bus, userId, seqs),
    end_streams: (ending) => endStreams(bus, ending),
  };
}

/** The same for graphile-worker. */
export function taskList(tasks: TaskHandlers): TaskList {
  const entries = Object.entries(tasks) as [keyof Jobs, (payload: unknown, attempt: number) => Promise<void>][];
  return Object.fromEntries(
    entries.map(([name, task]) => [name, (payload: unknown, { job }: JobHelpers) => task(payload, job.attempts)]),
  );
}
