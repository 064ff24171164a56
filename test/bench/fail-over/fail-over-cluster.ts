/** What the fail-over figures ask of a cluster of three: operations, and one member to be lost. */
import type { Bench } from '../harness/bench.ts'
import type { Operation } from '../harness/section.ts'

export interface Subject {
  /** Those of one work share a plot. */
  readonly work: 'write' | 'read'
  /** `atoll kv put`. */
  readonly what: string
  readonly operation: Operation
}

export type Fault = 'SIGKILL' | 'SIGSTOP'

/** New for each fault, so that no fault is met by what the one before has left. */
export interface FailOverCluster {
  readonly subjects: readonly Subject[]
  /** Said once in the report. */
  readonly notes: readonly string[]
  /** Kills with −9, or stops, the member whose loss hurts most among those without clients. */
  strike(fault: Fault): Promise<void>
  /** Lets a stopped one go on. */
  resume(): Promise<void>
  stop(): Promise<void>
}

export type StartFailOver = (bench: Bench) => Promise<FailOverCluster>

export const KEYS = 100
export const VALUE = 'x'.repeat(100)
