/** Names of what can be said of the topology in numbers; see base/metrics.ts. */
import type { Metrics } from '../base/metrics.ts'
import type { StorageId } from '../base/ids.ts'
import type { Membership } from '../swim/member.ts'
import {
  failuresTolerated,
  liveDisks,
  movingPartitions,
  partitionsWithoutMajority,
  unsuspectedDisks,
} from './describe.ts'
import type { TopologyFinder } from './finder.ts'
import type { MovementReporter } from './movement-reporter.ts'
import type { Refusals } from './refusals.ts'
import { SLOT_REFUSALS, type SlotRefusal } from './slot-acceptor.ts'
import type { Topology, TopologyView } from './topology.ts'

export interface TopologyParts {
  /** '' on an edge. */
  readonly self: StorageId
  readonly topology: TopologyView
  readonly membership: Membership
  readonly reporter: MovementReporter
  /** null on an edge, whose vote nobody asks for. */
  readonly slotRefusals: Refusals<SlotRefusal> | null
  /** null on a member. */
  readonly finder: TopologyFinder | null
}

export function declareTopologyMetrics(metrics: Metrics, parts: TopologyParts): void {
  const { self, topology, membership, reporter } = parts
  /** A gauge of the topology as it is known here; absent while none is. */
  const gauge = (name: string, help: string, read: (current: Topology) => number): void =>
    metrics.gauge(name, help, () => {
      const current = topology.current()
      return current === null ? null : read(current)
    })
  gauge('atoll_topology_number', 'Number of the newest known topology.', ({ number }) => number)
  gauge(
    'atoll_topology_members',
    'Members that the topology has hold data.',
    ({ members }) => members.length,
  )
  gauge(
    'atoll_topology_partitions',
    'Partitions of the key space.',
    ({ partitions }) => partitions.length,
  )
  gauge(
    'atoll_topology_moving_partitions',
    'Partitions that move between two sets of replicas.',
    movingPartitions,
  )
  gauge(
    'atoll_topology_held_partitions',
    'Partitions that this daemon is a replica of.',
    ({ partitions }) => partitions.filter(({ replicas }) => replicas.includes(self)).length,
  )
  gauge(
    'atoll_topology_partitions_without_majority',
    'Partitions of which too few replicas are up: strict calls fail there.',
    (current) => partitionsWithoutMajority(current, liveDisks(current, membership)).length,
  )
  gauge(
    'atoll_topology_failures_tolerated',
    'Members that may fail now without any partition losing its majority.',
    (current) => failuresTolerated(current, unsuspectedDisks(current, membership)),
  )
  gauge(
    'atoll_topology_old_copies',
    'Copies that former replicas may still hold: deletions are kept for them.',
    ({ partitions }) => partitions.reduce((sum, { former }) => sum + former.length, 0),
  )
  gauge('atoll_topology_is_root', '1 on a daemon that decides topologies, else 0.', ({ roots }) =>
    Number(self !== '' && roots.includes(self)),
  )
  metrics.counter(
    'atoll_topology_installed_partitions_total',
    'Partitions that moved here and whose data was found complete.',
    () => reporter.installed,
  )
  metrics.counters(
    'atoll_topology_votes_refused_total',
    'Votes on topologies that peers asked for and must not have, by why.',
    ['reason'],
    () => SLOT_REFUSALS.map((reason) => [parts.slotRefusals?.counts[reason] ?? 0, reason]),
  )
  metrics.counter(
    'atoll_topology_lookups_total',
    'Lookups by Kademlia of an edge that had lost the cluster.',
    () => parts.finder?.lookups ?? 0,
  )
  metrics.gauge(
    'atoll_topology_reports_pending',
    'Partitions that came or went and that the topology does not show as such yet.',
    () => reporter.pending,
  )
}
