/** Counts of several histograms with the same bounds, added up. */
export function addUp(histograms: number[][]): number[] {
  const sum: number[] = [];
  for (const counts of histograms) for (const [at, count] of counts.entries()) sum[at] = (sum[at] ?? 0) + count;
  return sum;
}

/**
 * The value below which a share of what was counted lies, taken to be spread evenly between two bounds.
 * @param bounds the upper bounds, ascending; @param counts how many lie within each, and last those beyond all
 * @returns null where nothing was counted; Infinity where it lies beyond the last bound
 */
export function quantile(bounds: readonly number[], counts: number[], share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  let left = share * total;
  for (const [at, bound] of bounds.entries()) {
    const count = counts[at] ?? 0;
    const below = bounds[at - 1] ?? 0;
    if (count > 0 && left <= count) return below + (left / count) * (bound - below);
    left -= count;
  }
  return Number.POSITIVE_INFINITY;
}

/** Which share of all is within; all of nothing is. */
export function shareWithin(all: number, within: number): number {
  return all === 0 ? 1 : within / all;
}
