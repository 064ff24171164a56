/** Everything through which a node touches the world. Nothing above this line may reach past it. */
import type { Clock } from './clock.ts'
import type { Log } from './log.ts'
import type { Network, NetworkConfig } from './network.ts'
import type { Random } from './random.ts'
import type { Storage } from './storage.ts'

export interface Seams {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Made late: an unclaimed node has no network key and no network. */
  network(config: NetworkConfig): Network
  /** Opens the data directory and takes its exclusive lock. */
  storage(directory: string): Promise<Storage>
}
