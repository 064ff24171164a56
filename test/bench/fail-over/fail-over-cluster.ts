/** What the fail-over figures ask of a cluster of three: operations, and one member to be lost. */
import type { Operation } from '../harness/section.ts'

export interface Subject {
  /** Those of one work share a plot. */
  readonly work: 'write' | 'read'
  /** `atoll kv put`. */
  readonly what: string
  readonly operation: Operation
}

export interface FailOverCluster {
  /** Clients talk to a member that stays, unless a subject says otherwise. */
  readonly subjects: readonly Subject[]
  /** Kills with −9 or stops the member whose loss hurts most. */
  strike(signal: 'SIGKILL' | 'SIGSTOP'): Promise<void>
  /** Lets a stopped one go on. */
  resume(): Promise<void>
  /** Resolves when all three are there again and nothing moves. */
  whole(): Promise<void>
  stop(): Promise<void>
}
