/** What the detection figures ask of a cluster whose members watch each other: Serf's and ours. */
import type { Sightings } from './sightings.ts'

export interface MemberCluster {
  readonly name: string
  /** Their names, also of those that do not run now. */
  readonly members: readonly string[]
  /** What each member said of the others since its start. */
  readonly sightings: Sightings
  /** Kills with −9. Resolves when the process is gone. */
  crash(member: string): Promise<void>
  /** Starts one that crashed. Resolves when all see all alive. */
  restart(member: string): Promise<void>
  /** Has it leave for good. Resolves when it has. */
  leave(member: string): Promise<void>
  pids(): readonly number[]
  stop(): Promise<void>
}
