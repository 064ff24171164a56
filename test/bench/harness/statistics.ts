/**
 * The arithmetic of the figures: percentiles by the nearest rank, medians over rounds, and how a
 * distribution is kept without its samples.
 */

/** Rising; what a plot of a distribution needs, and no more. */
const SHAPE = [0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1] as const

/** How samples are spread: `at[i]` is the value at the quantile `quantiles[i]`. */
export interface Distribution {
  readonly unit: string
  readonly count: number
  readonly quantiles: readonly number[]
  readonly at: readonly number[]
}

/** Of rising samples, the smallest that at least the share `q` of all do not exceed. NaN when there is none. */
export function percentile(ordered: readonly number[], q: number): number {
  if (ordered.length === 0) return Number.NaN
  // Rounded down by a hair: 0.55 × 100 is a little more than 55 in binary.
  const rank = Math.ceil(q * ordered.length - 1e-9)
  return ordered[Math.max(0, rank - 1)] ?? Number.NaN
}

export function sorted(values: readonly number[]): number[] {
  return [...values].sort((a, b) => a - b)
}

/** Of an even number, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const ordered = sorted(values)
  const middle = ordered.length / 2
  const upper = ordered[Math.floor(middle)]
  const lower = ordered[Math.ceil(middle) - 1]
  return upper === undefined || lower === undefined ? Number.NaN : (lower + upper) / 2
}

export function distributionOf(values: readonly number[], unit: string): Distribution {
  const ordered = sorted(values)
  return {
    unit,
    count: ordered.length,
    quantiles: SHAPE,
    at: SHAPE.map((q) => percentile(ordered, q)),
  }
}
