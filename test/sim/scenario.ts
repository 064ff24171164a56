/** A scenario: a world, what happens in it, and what must hold. It throws when something does not. */
import type { TraceSink } from './trace.ts'

export interface ScenarioContext {
  readonly seed: string
  readonly trace: TraceSink | null
  /** Lines that led up to a failure, for the report; called once the world exists. */
  readonly onFailure: (lines: () => readonly string[]) => void
}

export interface ScenarioReport {
  readonly traceHash: string
  readonly events: number
  readonly simulatedMs: number
  /** Acknowledged operations of clients. */
  readonly operations: number
  readonly faults: number
  /** Whatever else is worth a word. */
  readonly notes: string
}

export interface Scenario {
  readonly name: string
  readonly about: string
  readonly run: (context: ScenarioContext) => Promise<ScenarioReport>
}
