/** Whether this is `npm run test:faults`, which takes its time, or `npm test`, for which seconds must do. */
export const FULL = process.env.FAULTS === "full";

/** The size of a scenario: as the checklist has it, or a shorter form of the same. */
export function sized<T>(full: T, short: T): T {
  return FULL ? full : short;
}

/** What chance decides comes from here: SEED=… repeats a run. Printed with the figures of whatever uses it. */
export const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);

/** Numbers from 0 up to 1 that a seed gives, the same ones each time. */
export function randomOf(seed: number): () => number {
  let state = (Math.imul(seed, 2_654_435_761) + 1) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

/** The value below which a share of the values lies. @param share from 0 to 1 */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
}

/** One line of figures: R-02: … */
export function report(row: string, figures: Record<string, string | number>): void {
  const words = Object.entries(figures).map(
    ([name, value]) => `${name} ${typeof value === "number" ? Math.round(value * 100) / 100 : value}`,
  );
  console.log(`${row}${FULL ? "" : " (short)"}: ${words.join(", ")}`);
}
