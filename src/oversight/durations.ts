const SIZES = [
  ["millisecond", 1, 0],
  ["second", 1000, 1],
  ["minute", 60_000, 0],
  ["hour", 3_600_000, 1],
  ["day", 86_400_000, 1],
] as const;

/** How a span of time is written in a locale: "23 ms", "1.4 sec", "5 min". @returns words for a number of milliseconds */
export function durationIn(locale: string): (ms: number) => string {
  return (ms) => {
    const known = Math.max(0, ms);
    const [unit, size, digits] = SIZES.findLast(([, length]) => known >= length) ?? SIZES[0];
    const value = known / size;
    const form = { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: value < 10 ? digits : 0 } as const;
    return new Intl.NumberFormat(locale, form).format(value);
  };
}
