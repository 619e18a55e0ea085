import { z } from "zod";

export const HOUR = 3_600_000;

/** The most hours for which anything is kept, from now on. */
export const MOST_HOURS = 720;

const WRONG = `Enter a whole number of hours from 1 to ${MOST_HOURS}.`;

/** The hours of a form. */
export const hours = z
  .string({ error: WRONG })
  .regex(/^\s*0*[1-9]\d{0,2}\s*$/, WRONG)
  .transform(Number)
  .refine((given) => given <= MOST_HOURS, WRONG);

/**
 * How long before the end of a reservation people are warned: a tenth of its time, but a quarter of an hour at least and
 * four hours at the most.
 * @param time from when the end was set until then, in ms
 * @returns ms
 */
export function warningLead(time: number): number {
  return Math.min(Math.max(Math.round(time / 10), HOUR / 4), 4 * HOUR);
}
