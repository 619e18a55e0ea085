import { isStale } from "./prepared.ts";

// Classes and codes of SQLSTATE that pass by themselves: connection lost, out of resources, cancelled by a time-out,
// shut down, deadlocked. Then what Node says of a socket, and the pool, which has words only.
const PASSING_STATE = /^(08|53|57|40|25P03|55P03)/;
const PASSING_CODE = /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EPIPE|EHOSTUNREACH|ENETUNREACH)$/;
const PASSING_WORDS =
  /timeout exceeded when trying to connect|connection terminated|not queryable|query read timeout|after calling end on the pool/i;

/** Whether an error is of the kind that passes by itself, so that the same may well succeed in a moment. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return isStale(error) || PASSING_STATE.test(code) || PASSING_CODE.test(code) || PASSING_WORDS.test(error.message);
}
