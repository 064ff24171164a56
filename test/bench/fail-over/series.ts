/**
 * What a fault does to a stream of operations, from when each should have begun and when it ended.
 * All times are milliseconds since the start of the load.
 */
import { percentile, sorted } from '../harness/statistics.ts'

export interface Timed {
  /** When it should have been sent: a stall counts for all that fell into it. */
  readonly intendedMs: number
  readonly doneMs: number
  /** What the error said with which it ended; null when it was done. */
  readonly failure: string | null
}

export interface Outage {
  /** The longest time in which no operation was completed. */
  readonly gapMs: number
  /** The longest that a caller waited, for an answer or for an error. */
  readonly longestMs: number
  readonly overOneSecond: number
  readonly failed: number
  /** What the first of them said. */
  readonly failure: string | null
  readonly p99Ms: number
}

export interface Bucket {
  readonly fromMs: number
  /** Completed in it, a second. */
  readonly perSecond: number
  /** Of those that should have begun in it; NaN when none should. */
  readonly p99Ms: number
}

const LONG_MS = 1_000

/** Of what should have begun, or was completed, from `fromMs` to `toMs`. */
export function outageOf(series: readonly Timed[], fromMs: number, toMs: number): Outage {
  const begun = series.filter(({ intendedMs }) => intendedMs >= fromMs && intendedMs < toMs)
  const waits = sorted(begun.map(({ intendedMs, doneMs }) => doneMs - intendedMs))
  const failures = begun.flatMap(({ failure }) => (failure === null ? [] : [failure]))
  return {
    gapMs: gapOf(series, fromMs, toMs),
    longestMs: waits.at(-1) ?? Number.NaN,
    overOneSecond: waits.filter((waitMs) => waitMs > LONG_MS).length,
    failed: failures.length,
    failure: failures[0] ?? null,
    p99Ms: percentile(waits, 0.99),
  }
}

/** The ends count as completions: a load that never recovers has a gap up to its end. */
function gapOf(series: readonly Timed[], fromMs: number, toMs: number): number {
  const done = series.filter(
    ({ failure, doneMs }) => failure === null && doneMs > fromMs && doneMs < toMs,
  )
  const moments = [fromMs, ...sorted(done.map(({ doneMs }) => doneMs)), toMs]
  return Math.max(...moments.slice(1).map((moment, i) => moment - (moments[i] ?? moment)))
}

/** Whole buckets from 0 to `toMs`. */
export function bucketsOf(series: readonly Timed[], widthMs: number, toMs: number): Bucket[] {
  const count = Math.floor(toMs / widthMs)
  const waits = Array.from({ length: count }, (): number[] => [])
  const completed = Array.from({ length: count }, () => 0)
  for (const { intendedMs, doneMs, failure } of series) {
    waits[Math.floor(intendedMs / widthMs)]?.push(doneMs - intendedMs)
    const bucket = Math.floor(doneMs / widthMs)
    if (failure === null && bucket < count) completed[bucket] = (completed[bucket] ?? 0) + 1
  }
  return waits.map((each, i) => ({
    fromMs: i * widthMs,
    perSecond: ((completed[i] ?? 0) * 1000) / widthMs,
    p99Ms: percentile(sorted(each), 0.99),
  }))
}
