/**
 * What a run found: rows of figures, ratios between rows, and where they come from. All of it is
 * plain data; `results.json` is exactly this.
 */
import type { Environment } from './environment.ts'
import { type Distribution, median } from './statistics.ts'

export type Better = 'more' | 'less'

/** One quantity, measured once a round. */
export interface Figure {
  readonly unit: string
  readonly better: Better
  readonly rounds: readonly number[]
  readonly median: number
  readonly low: number
  readonly high: number
}

/** One thing under one setting: `etcd put` at `64 in flight`. */
export interface Row {
  readonly what: string
  readonly setting: string
  readonly figures: Readonly<Record<string, Figure>>
  /** Latencies of all rounds together. */
  readonly distribution?: Distribution
}

/** Ours divided by theirs, round by round. */
export interface Ratio {
  readonly figure: string
  readonly setting: string
  readonly ours: string
  readonly theirs: string
  readonly better: Better
  readonly rounds: readonly number[]
  readonly median: number
  readonly low: number
  readonly high: number
}

export interface SectionResult {
  readonly name: string
  readonly title: string
  readonly seconds: number
  /** Why it did not run, or what ended it. */
  readonly failure: string | null
  readonly notes: readonly string[]
  readonly rows: readonly Row[]
  readonly ratios: readonly Ratio[]
  /** Files beside the results. */
  readonly files: readonly string[]
}

export interface Results {
  readonly format: 1
  readonly environment: Environment
  readonly sections: readonly SectionResult[]
}

export function figure(unit: string, better: Better, rounds: readonly number[]): Figure {
  return { unit, better, rounds, ...spread(rounds) }
}

/**
 * Each round of ours against the same round of theirs, which ran beside it: what slowed the machine
 * for a while slowed both. Null when either has no such figure, or no round allows a division.
 */
export function ratioOf(name: string, ours: Row, theirs: Row): Ratio | null {
  const mine = ours.figures[name]
  const other = theirs.figures[name]
  if (mine === undefined || other === undefined) return null
  const rounds = mine.rounds.flatMap((value, round) => {
    const ratio = value / (other.rounds[round] ?? Number.NaN)
    return Number.isFinite(ratio) ? [ratio] : []
  })
  if (rounds.length === 0) return null
  const { better } = mine
  const pair = { ours: ours.what, theirs: theirs.what, setting: ours.setting }
  return { figure: name, ...pair, better, rounds, ...spread(rounds) }
}

function spread(rounds: readonly number[]): { median: number; low: number; high: number } {
  const usable = rounds.filter((value) => !Number.isNaN(value))
  return { median: median(usable), low: Math.min(...usable), high: Math.max(...usable) }
}
