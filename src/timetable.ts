import { type CronItem, parseCronItems } from "graphile-worker";
import type { JobName } from "./queue.ts";

/**
 * The jobs that run by the clock, which is UTC. Every worker reads it, and the queue adds each of them once. A key
 * makes the next time take the place of one that has failed, so that it is not set aside for ever.
 */
const repeated: (CronItem & { task: JobName })[] = [
  { task: "delete_old", match: "17 * * * *", options: { jobKey: "delete_old", maxAttempts: 8 } },
];

export const timetable = parseCronItems(repeated);
