/** What one member of a group sends and computes in a second, on average, while nothing happens. */
import type { Cluster } from '../cluster.ts'
import { sum } from './samples.ts'

export interface Load {
  /** Messages sent by a member in a second. */
  readonly messages: number
  readonly probeBytes: number
  readonly exchangeBytes: number
  /** Of one core, the simulated network included. */
  readonly cpuPercent: number
}

export function idleLoad(cluster: Cluster, forMs: number): Load {
  cluster.sent.clear()
  cluster.bytes.clear()
  const before = process.cpuUsage()
  cluster.run(forMs)
  const { user, system } = process.cpuUsage(before)
  const members = cluster.live().length
  const perMember = members * (forMs / 1000)
  const exchangeBytes = cluster.bytes.get('exchange') ?? 0
  return {
    messages: sum([...cluster.sent.values()]) / perMember,
    probeBytes: (sum([...cluster.bytes.values()]) - exchangeBytes) / perMember,
    exchangeBytes: exchangeBytes / perMember,
    cpuPercent: ((user + system) / 1e6 / perMember) * 100,
  }
}
