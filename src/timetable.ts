import { type CronItem, parseCronItems } from "graphile-worker";
import type { JobName } from "./queue.ts";

/**
 * The jobs that run by the clock, which is UTC. Every worker reads it, and the queue adds each of them once. A key
 * makes the next time take the place of one that has failed, so that it is not set aside for ever; the period is how late it
 * may still be done where no worker ran at its time.
 */
const HALF_A_DAY = 43_200_000;

const repeated: (CronItem & { task: JobName })[] = [
  { task: "delete_old", match: "17 * * * *", options: { jobKey: "delete_old", maxAttempts: 8 } },
  {
    task: "prove_isolation",
    match: "23 3 * * *",
    payload: { by: null },
    options: { jobKey: "prove_isolation", maxAttempts: 8, backfillPeriod: HALF_A_DAY },
  },
];

export const timetable = parseCronItems(repeated);
