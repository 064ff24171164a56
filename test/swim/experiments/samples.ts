/** The arithmetic of samples that the bench's statistics lack, and grouping. */
import { percentile, sorted } from '../../bench/harness/statistics.ts'

export function mean(values: readonly number[]): number {
  return sum(values) / values.length
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}

/** Of the mean. */
export function standardError(values: readonly number[]): number {
  const middle = mean(values)
  const squares = sum(values.map((value) => (value - middle) ** 2))
  return Math.sqrt(squares / Math.max(1, values.length - 1) / values.length)
}

/** Percentile of samples in any order. */
export function quantile(values: readonly number[], q: number): number {
  return percentile(sorted(values), q)
}

/** In the order in which the keys first occur. */
export function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}

/** Milliseconds as seconds with two decimals. */
export function seconds(ms: number): string {
  return Number.isFinite(ms) ? (ms / 1000).toFixed(2) : '–'
}
