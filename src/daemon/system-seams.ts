/** The real world: the system's clock and chance, libp2p, and a directory on the disk. */
import { Libp2pNetwork } from '../adapters/libp2p-network.ts'
import { SystemClock } from '../adapters/system-clock.ts'
import { silentLog } from '../adapters/system-log.ts'
import { SystemRandom } from '../adapters/system-random.ts'
import { openSystemStorage } from '../adapters/system-storage.ts'
import type { Log } from '../seams/log.ts'
import type { Seams } from '../seams/seams.ts'

/** A node embedded in a program logs nothing unless it is given a log. */
export function systemSeams(log: Log = silentLog): Seams {
  return {
    clock: new SystemClock(),
    random: new SystemRandom(),
    log,
    network: (config) => new Libp2pNetwork(config, log),
    storage: openSystemStorage,
  }
}
