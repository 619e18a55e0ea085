import { type ParsedCronItem, parseCrontab } from "graphile-worker";

// What is done again and again, in UTC: minute, hour, day, month, weekday, job. `fill` is how late it may still be done
// where no worker ran at its time.
const JOBS = `
23 3 * * * prove_isolation ?fill=12h&max=8&jobKey=prove_isolation {"by":null}
`;

/** The jobs that nobody adds: the queue itself does, once for all workers. */
export const timetable: ParsedCronItem[] = parseCrontab(JOBS);
