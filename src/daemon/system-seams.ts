/** The real world: the system's clock and chance, libp2p, and a directory on the disk. */
import type { Libp2pMetricsFactory } from '../adapters/libp2p-metrics.ts'
import { Libp2pNetwork, NETWORK_TIMES } from '../adapters/libp2p-network.ts'
import { SystemClock } from '../adapters/system-clock.ts'
import { silentLog } from '../adapters/system-log.ts'
import { SystemRandom } from '../adapters/system-random.ts'
import { openSystemStorage } from '../adapters/system-storage.ts'
import type { Log } from '../seams/log.ts'
import type { Seams } from '../seams/seams.ts'

/**
 * A node embedded in a program logs nothing unless it is given a log. libp2p counts only with
 * `metrics`.
 */
export function systemSeams(
  log: Log = silentLog,
  metrics: Libp2pMetricsFactory | null = null,
): Seams {
  return {
    clock: new SystemClock(),
    random: new SystemRandom(),
    log,
    network: (config) => new Libp2pNetwork(config, log, NETWORK_TIMES, metrics),
    storage: openSystemStorage,
  }
}
