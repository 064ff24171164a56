/** What a node says of itself in one look. */
import { VERSION } from '../base/version.ts'
import { heldPartitions } from '../topology/describe.ts'
import type { MemberState, Status } from './api.ts'
import type { Cluster } from './compose.ts'
import type { NodeConfig } from './config.ts'
import type { Identity } from './identity.ts'
import { removalWords } from './removals.ts'
import { type Health, healthOf } from './views.ts'

export interface StatusParts {
  readonly cluster: Cluster | null
  readonly config: NodeConfig
  readonly identity: Identity
  readonly state: Status['state']
  readonly uptimeMs: number
}

export function statusOf({ cluster, config, identity, state, uptimeMs }: StatusParts): Status {
  const topology = cluster?.topology.current() ?? null
  const states = cluster?.membership.members().map((each) => cluster.removals.stateOf(each)) ?? []
  const count = (wanted: MemberState): number => states.filter((each) => each === wanted).length
  return {
    id: identity.peer,
    name: config.name,
    clusterId: cluster?.clusterId ?? '',
    storageId: identity.storageId,
    version: VERSION,
    state: shownState(state, cluster),
    role: cluster?.mesh.self.role ?? (config.dataDir === null ? 'edge' : 'member'),
    addresses: cluster?.mesh.addresses() ?? [],
    uptimeMs: Math.round(uptimeMs),
    members: { alive: count('alive'), suspect: count('suspect'), dead: count('dead') },
    topology: cluster?.topology.digest ?? 0,
    ...healthOfNode(cluster),
    heldPartitions: topology === null ? 0 : heldPartitions(topology, identity.storageId),
  }
}

/** As it is shown: a node that still runs when the others have removed it is `removed`. */
export function shownState(
  state: Status['state'],
  cluster: Pick<Cluster, 'removals'> | null,
): Status['state'] {
  const isRemoved = state === 'running' && cluster !== null && cluster.removals.self !== null
  return isRemoved ? 'removed' : state
}

/** Null: it belongs to no cluster. */
export function healthOfNode(cluster: Cluster | null): Health {
  if (cluster === null) return { toleratesFailures: 0, movingPartitions: 0, warnings: [] }
  const removal = cluster.removals.self
  if (removal === null) return healthOf(cluster.topology.current(), cluster.membership)
  const { what, fix } = removalWords(removal, (peer) => cluster.nameOf(peer))
  return { toleratesFailures: 0, movingPartitions: 0, warnings: [`${what}; ${fix}`] }
}
