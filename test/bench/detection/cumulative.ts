/** Samples as the steps of their cumulative distribution, for a plot. */

/** Rising points (value, share of samples that do not exceed it), two for each step. */
export function cumulative(samples: readonly number[]): (readonly [number, number])[] {
  const ordered = [...samples].sort((a, b) => a - b)
  return ordered.flatMap((value, i) => [
    [value, i / ordered.length] as const,
    [value, (i + 1) / ordered.length] as const,
  ])
}
