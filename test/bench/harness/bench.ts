/** What a section is given: the settings of the run, processes, and the systems under test. */
import type { Children } from './children.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { RunningSystem } from './section.ts'

export interface Bench {
  readonly quick: boolean
  readonly seed: number
  readonly random: SeededRandom
  readonly children: Children
  /** Exists. */
  readonly outDir: string
  /** CPU profiles of our daemons are asked for; `profiled` writes them. */
  readonly profiling: boolean
  /** The systems of this section that run, in its order. */
  readonly systems: ReadonlyMap<string, RunningSystem>
  /** A line of progress, on standard error. */
  readonly say: (text: string) => void
}

/** The name of the system that is ours. */
export const OURS = 'atoll'

/** The one of two that fits the run. */
export function choose<T>(bench: Bench, full: T, quick: T): T {
  return bench.quick ? quick : full
}
