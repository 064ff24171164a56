/** Everything through which a node touches the world. Nothing above this line may reach past it. */
import type { Clock } from './clock.ts'
import type { Host } from './host.ts'
import type { Log } from './log.ts'
import type { LogLevels } from './log-levels.ts'
import type { Network, NetworkConfig } from './network.ts'
import type { Random } from './random.ts'
import type { Storage } from './storage.ts'

export interface Seams {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Of `log`, where they can be changed while it runs; absent: they cannot. */
  readonly levels?: LogLevels
  /** For the doctor alone; absent: what it would look at there is left out. */
  readonly host?: Host
  /** Made late: an unclaimed node has no network key and no network. */
  network(config: NetworkConfig): Network
  /** Opens the data directory and takes its exclusive lock. */
  storage(directory: string): Promise<Storage>
}
