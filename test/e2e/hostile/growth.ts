/**
 * A cluster grows from one daemon to five and shrinks to three, while registers are changed through
 * the first one. Every call must end within two seconds, all retries of its name included.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { AtollError } from '../../../src/base/errors.ts'
import type { ConnectedNode } from '../../../src/client.ts'
import { HostileCluster } from './cluster.ts'
import type { Network } from './network.ts'
import { summaryOf, textOf, TimedLoad } from './timed.ts'

const CALLERS = 8
const KEYS_EACH = 12
const NORMAL_MS = 6000
/** Of one attempt; together two seconds. */
const ATTEMPTS_MS = [1000, 500, 500] as const
export const LIMIT_MS = 2000
export const P99_TIMES = 5

/** True: all calls kept to the limits. */
export async function growth(network: Network, say: (line: string) => void): Promise<boolean> {
  const cluster = new HostileCluster(network)
  const load = new TimedLoad()
  const done = { increments: 0 }
  try {
    await cluster.add('--init')
    const node = await cluster.node(0)
    for (let i = 0; i < CALLERS; i++) load.caller('change', changer(node, i, done))
    let normalMs = Number.NaN
    let good = true
    const phase = async (name: string, change: () => Promise<unknown>): Promise<number> => {
      const fromMs = performance.now()
      await change()
      const summary = summaryOf(load.between(fromMs, performance.now()))
      say(`${name}: ${textOf(summary)}`)
      good &&= summary.longestMs <= LIMIT_MS && summary.failed === 0
      return summary.p99Ms
    }
    const joins = async (size: number): Promise<void> => {
      while (cluster.size < size) await cluster.join()
      await cluster.steady()
    }
    await phase('one', () => delay(NORMAL_MS))
    await phase('1 → 2', () => joins(2))
    await phase('2 → 3', () => joins(3))
    normalMs = await phase('three', () => delay(NORMAL_MS))
    const growingMs = await phase('3 → 5', () => joins(5))
    await phase('five', () => delay(NORMAL_MS))
    await phase('5 → 3', () => cluster.leave(2))
    await phase('three again', () => delay(NORMAL_MS))
    await load.stop()
    say(`p99 growing 3 → 5 is ${(growingMs / normalMs).toFixed(1)} times the normal one`)
    const counted = Number((await node.reg.get('grown'))?.value ?? 0)
    say(`${done.increments} increments acknowledged, ${counted} counted`)
    const failed = load.calls.filter(({ failure }) => failure !== null).length
    const isExact = counted >= done.increments && counted <= done.increments + failed
    return good && isExact && growingMs <= P99_TIMES * normalMs
  } finally {
    await cluster.end()
  }
}

/** Sets keys of its own, and now and then counts the one counter of all up. */
function changer(
  node: ConnectedNode,
  caller: number,
  done: { increments: number },
): () => Promise<number> {
  let calls = 0
  const known = new Map<string, string>()
  return async () => {
    const isCount = ++calls % 10 === 0
    const key = isCount ? 'grown' : `grown/${caller}/${calls % KEYS_EACH}`
    const named = { opId: `c${caller}-${calls}`, since: known.get(key) ?? '0' }
    for (let retries = 0; ; retries++) {
      const options = { ...named, deadlineMs: ATTEMPTS_MS[retries] ?? 0 }
      try {
        const { version } = isCount
          ? await node.reg.incr(key, 1, options)
          : await node.reg.set(key, `v${calls}`, options)
        known.set(key, version)
        if (isCount) done.increments++
        return retries
      } catch (error) {
        const isLast = retries + 1 >= ATTEMPTS_MS.length
        if (isLast || !(error instanceof AtollError)) throw error
      }
    }
  }
}
