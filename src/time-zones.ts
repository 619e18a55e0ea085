/** The time zones on offer: all that the runtime knows, and UTC, in which somebody's hours are who has chosen none. */
export const timeZones: string[] = ["UTC", ...Intl.supportedValuesOf("timeZone").filter((zone) => zone !== "UTC")];

/**
 * A time zone by its own name, or undefined where there is none of that name. Names only: of an offset such as "+02:00"
 * the database and the browser think in opposite directions.
 */
export function canonicalZone(given: string): string | undefined {
  if (!/^[A-Za-z][\w+/-]{0,63}$/.test(given)) return undefined;
  try {
    return new Intl.DateTimeFormat("en", { timeZone: given }).resolvedOptions().timeZone;
  } catch {
    return undefined;
  }
}
