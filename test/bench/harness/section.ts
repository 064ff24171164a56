/** What the harness runs: sections, on systems, with what they need. */
import type { Bench } from './bench.ts'
import type { Need } from './needs.ts'
import type { Report } from './report.ts'

/** One part of the benchmark. `main.ts` runs those of `sections.ts`, in that order. */
export interface Section {
  /** As in `--only`. */
  readonly name: string
  readonly title: string
  /** Without any of these it is left out. */
  readonly needs: readonly Need[]
  /**
   * Systems that it compares. The harness has those that can run here started before, leaves them
   * for the next section that names them, and has all others stopped: nothing else runs beside.
   */
  readonly systems: readonly string[]
  run(bench: Bench, report: Report): Promise<void>
}

/** Something that can be measured: ours, or what a user would pick instead. */
export interface System {
  /** As in `--only`. */
  readonly name: string
  readonly title: string
  readonly needs: readonly Need[]
  /** Packages of `test/bench/package.json` by which it is spoken to. */
  readonly clients: readonly string[]
  /** As it names itself; null when it does not say. */
  version(): string | null
  start(bench: Bench): Promise<RunningSystem>
}

export interface RunningSystem {
  /** What it does, by the name of the work. */
  readonly offers: readonly Offer[]
  /** All its processes, without ours. */
  pids(): readonly number[]
  /** Ends the processes and removes what they wrote. Idempotent. */
  stop(): Promise<void>
  /** The profilers of its processes, where it has them. */
  readonly profilers?: readonly Profiler[]
}

/** A process that can say where its time went between two moments. */
export interface Profiler {
  readonly name: string
  start(): Promise<void>
  /** The profile, as JSON. */
  stop(): Promise<string>
}

/** One way in which a system does some work that others do too. */
export interface Offer {
  /** `write`, `read`, `cas`…: what is compared with each other. */
  readonly work: string
  /** `etcd put`, `atoll kv put (quorum)`. */
  readonly what: string
  /** Ours of which ratios to all others are made. */
  readonly lead?: boolean
  /** Run once before the first measurement with these sizes; it may fill keys. */
  prepare(sizes: Sizes): Promise<Operation>
}

export interface Sizes {
  readonly keys: number
  readonly valueBytes: number
}

/** Does the work once and resolves when it is done as promised. `i` counts up from 0. */
export type Operation = (i: number) => Promise<unknown>
