/**
 * How long calls wait when a replica is killed, and when it is held: those on keys for which it
 * proposes, and those on others. Each key is changed through two other daemons at a time: then they
 * hand it to the first replica, and that is the one that is struck.
 */
import { setTimeout as delay } from 'node:timers/promises'
import type { ConnectedNode } from '../../../src/client.ts'
import { HostileCluster } from './cluster.ts'
import type { Network } from './network.ts'
import { summaryOf, textOf, TimedLoad } from './timed.ts'

const KEYS_EACH = 16
const TRIED_MAX = 2000
const BEFORE_MS = 4000
const AFTER_MS = 6000
const HELD_MS = 3000
const DEADLINE_MS = 8000

export const LIMITS_MS = { kill: 1000, hold: 2000 } as const
type Strike = keyof typeof LIMITS_MS

/** True: all calls kept to the limits. */
export async function failOver(
  network: Network,
  size: number,
  rounds: number,
  say: (line: string) => void,
): Promise<boolean> {
  const cluster = await HostileCluster.start(network, size)
  let good = true
  try {
    for (let round = 0; round < rounds; round++) {
      for (const strike of ['kill', 'hold'] as const) {
        good = (await strikeOnce(cluster, strike, say)) && good
        await cluster.steady()
      }
    }
    return good
  } finally {
    await cluster.end()
  }
}

async function strikeOnce(
  cluster: HostileCluster,
  strike: Strike,
  say: (line: string) => void,
): Promise<boolean> {
  // Any but the first, whose connection tells where keys live.
  const victim = cluster.size - 1
  const [one, two] = await Promise.all([cluster.node(0), cluster.node(1)])
  const name = cluster.daemon(victim).name
  const load = new TimedLoad()
  for (const [kind, keys] of await keysBy(one, name)) {
    for (const key of keys) for (const node of [one, two]) load.caller(kind, setter(node, key))
  }
  await delay(BEFORE_MS)
  const atMs = performance.now()
  if (strike === 'kill') await cluster.kill(victim)
  else cluster.pause(victim)
  await delay(HELD_MS)
  if (strike === 'hold') cluster.resume(victim)
  await delay(AFTER_MS - HELD_MS)
  await load.stop()
  if (strike === 'kill') cluster.restart(victim)
  say(`${strike} of ${name}, 64 calls under way`)
  let good = true
  for (const kind of new Set(load.calls.map((call) => call.kind))) {
    const normal = summaryOf(load.between(atMs - BEFORE_MS / 2, atMs, kind))
    const struck = summaryOf(load.between(atMs, atMs + HELD_MS, kind))
    say(`  ${kind}: ${textOf(struck)}; before: ${textOf(normal)}`)
    good &&= struck.longestMs <= LIMITS_MS[strike] && struck.failed === 0
  }
  return good
}

/** Keys for which that daemon proposes, and others. */
async function keysBy(node: ConnectedNode, name: string): Promise<Map<string, string[]>> {
  const { members, partitions } = await node.topology.show()
  const storageId = members.find((member) => member.name === name && member.state === 'alive')
  if (storageId === undefined) throw new Error(`${name} is no member`)
  const found = new Map<string, string[]>([
    ['its keys', []],
    ['other keys', []],
  ])
  for (let i = 0; i < TRIED_MAX; i++) {
    const key = `struck/${i}`
    const { partition } = await node.explain(key)
    const isFirst = partitions[partition]?.replicas[0] === storageId.storageId
    const keys = found.get(isFirst ? 'its keys' : 'other keys') ?? []
    if (keys.length < KEYS_EACH) keys.push(key)
    if ([...found.values()].every(({ length }) => length === KEYS_EACH)) return found
  }
  throw new Error(`no keys were found for which ${name} proposes`)
}

function setter(node: ConnectedNode, key: string): () => Promise<number> {
  let values = 0
  return async () => {
    await node.reg.set(key, `v${++values}`, { deadlineMs: DEADLINE_MS })
    return 0
  }
}
