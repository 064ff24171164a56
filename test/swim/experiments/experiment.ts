/**
 * What an experiment is: cases to be measured under several seeds, each in a process of its own
 * choice, and a report that sets the figures beside the published ones.
 *
 * Cases and measurements are plain data, so that they can be sent to another process.
 */
import type { Plot } from '../../bench/harness/plot.ts'

/** How much is run. Tiny: the normal suite's, a fraction of a second each. */
export type Effort = 'tiny' | 'quick' | 'full'

export interface Scale {
  readonly effort: Effort
  /** Size of the group instead of the paper's, where the experiment has one size. */
  readonly members: number | null
}

export interface Run<Case, Measured> {
  readonly of: Case
  readonly measured: Measured
}

/** One statement of a paper (or of ours), held against what was measured. */
export interface Verdict {
  readonly claim: string
  readonly holds: boolean
  readonly measured: string
}

export interface Report {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  readonly verdicts: readonly Verdict[]
  readonly plots: readonly Plot[]
}

export interface Experiment<Case, Measured> {
  readonly name: string
  readonly title: string
  /** Where the set-up and the published figures are from. */
  readonly source: string
  /** The set-up: what is as published, and what is ours. */
  readonly setUp: readonly string[]
  readonly cases: (scale: Scale) => readonly Case[]
  readonly seeds: (scale: Scale) => number
  readonly measure: (of: Case, seed: string) => Promise<Measured>
  readonly report: (runs: readonly Run<Case, Measured>[]) => Report
}

/** An experiment of which only it knows what its cases and measurements look like. */
export type AnyExperiment = Experiment<unknown, unknown>

export function anyExperiment<C, M>(experiment: Experiment<C, M>): AnyExperiment {
  return {
    ...experiment,
    measure: (of, seed) => experiment.measure(of as C, seed),
    report: (runs) => experiment.report(runs as readonly Run<C, M>[]),
  }
}

/** The value for this effort. */
export function byEffort<T>({ effort }: Scale, values: Readonly<Record<Effort, T>>): T {
  return values[effort]
}

export function agrees(claim: string, holds: boolean, measured: string): Verdict {
  return { claim, holds, measured }
}

/** Nobody published it, or not in a form that we know for certain. */
export const UNKNOWN = '–'
