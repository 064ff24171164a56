/**
 * One run: a cluster, clients of its registers, faults one after the other, and at the end every
 * history held against the one register that it claims to be.
 */
import { writeFileSync } from 'node:fs'
import { RegisterWorkload } from '../../sim/register-workload.ts'
import { SimRandom } from '../../sim/sim-random.ts'
import { HostileCluster } from './cluster.ts'
import type { Fault } from './faults.ts'
import type { Network } from './network.ts'
import { RealStage } from './real-stage.ts'

export interface TrialOptions {
  readonly network: Network
  readonly size: number
  readonly seed: string
  readonly faults: readonly Fault[]
  readonly say: (line: string) => void
  /** Where the history goes when it does not hold. */
  readonly historyFile: string
}

export interface TrialReport {
  readonly acknowledged: number
  readonly unknown: number
  readonly keys: number
  readonly codes: ReadonlyMap<string, number>
  readonly longestMs: number
  /** Why it proves nothing; null: it does. */
  readonly void: string | null
}

/** More than ten on one key exhaust any search for an order. */
const CLIENTS_MAX = 10
const CLIENTS_PER_DAEMON = 3
const THINK_MS = 40
const ACKNOWLEDGED_PER_FAULT_MIN = 100

export async function trial(options: TrialOptions): Promise<TrialReport> {
  const { size, faults, say } = options
  const cluster = await HostileCluster.start(options.network, size).catch((error: unknown) => {
    options.network.end()
    throw error
  })
  const stage = new RealStage(cluster)
  const workload = new RegisterWorkload(stage, new SimRandom(options.seed))
  try {
    workload.start(Math.min(CLIENTS_MAX, CLIENTS_PER_DAEMON * size), THINK_MS)
    for (const fault of faults) {
      const { acknowledged, unknown } = workload
      const startMs = performance.now()
      await fault.run(cluster)
      await cluster.steady()
      stage.check()
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
      const done = `${workload.acknowledged - acknowledged} changes acknowledged`
      say(`${fault.name}: ${seconds} s, ${done}, ${workload.unknown - unknown} unknown`)
    }
    await workload.stop()
    stage.check()
    await workload.verify()
    return {
      acknowledged: workload.acknowledged,
      unknown: workload.unknown,
      keys: workload.keys.length,
      codes: stage.codes,
      longestMs: stage.longestMs,
      void: voidOf(workload, faults.length),
    }
  } catch (error) {
    const lines = workload.history.lines.map((line) => JSON.stringify(line))
    writeFileSync(options.historyFile, `${lines.join('\n')}\n`)
    say(`the history is in ${options.historyFile}`)
    for (const index of cluster.indices) {
      say(`d${index + 1}:\n${cluster.daemon(index).log.slice(-3000)}`)
    }
    throw error
  } finally {
    await cluster.end()
  }
}

function voidOf({ acknowledged, unknown }: RegisterWorkload, faults: number): string | null {
  const least = faults * ACKNOWLEDGED_PER_FAULT_MIN
  if (acknowledged < least) return `${acknowledged} changes were acknowledged, not ${least}`
  return unknown === 0 ? 'no outcome was unknown: the faults did nothing' : null
}
