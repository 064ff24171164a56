/** The live Kademlia lookup of a key beside its stored replicas: whom it found, and why they differ. Pure. */
import type { PeerId, StorageId } from '../base/ids.ts'
import type { Membership } from '../swim/member.ts'
import type { Topology, TopologyMember } from '../topology/topology.ts'
import type { PassedReason, Placed } from '../topology/why-placed.ts'
import type { LookupExplanation } from './api.ts'

export interface Lookup {
  /** Nearest to the key first. */
  readonly found: readonly PeerId[]
  readonly tookMs: number
}

const PASSED: Readonly<Record<PassedReason, string>> = {
  'takes-nothing': 'it takes no data (capacity 0)',
  full: 'it is full',
  'same-zone': 'a replica is in its zone',
  'not-moved': 'data is not moved for distance alone',
}

export function lookupExplanation(
  topology: Topology,
  replicas: readonly StorageId[],
  { passed }: Placed,
  membership: Membership,
  { found, tookMs }: Lookup,
): LookupExplanation {
  const members = new Map(topology.members.map((each) => [each.id, each]))
  const shown = found.map((peer) => {
    const member = members.get(peer)
    const name = member?.name ?? membership.get(peer)?.name ?? peer
    return { peer, name, is: kindOf(member, replicas, membership.get(peer)?.role) }
  })
  const why = [
    ...missing(topology, replicas, found, membership),
    ...extra(shown, passed, members),
    ...shown.flatMap(({ name, is }) => {
      return is === 'edge' ? [`${name} is an edge: it holds no data`] : []
    }),
  ]
  return { found: shown, tookMs, why }
}

type Found = LookupExplanation['found'][number]

function kindOf(
  member: TopologyMember | undefined,
  replicas: readonly StorageId[],
  role: string | undefined,
): Found['is'] {
  if (member !== undefined) return replicas.includes(member.storageId) ? 'replica' : 'member'
  return role === 'edge' ? 'edge' : 'unknown'
}

/** Replicas that the lookup does not name. */
function missing(
  { members }: Topology,
  replicas: readonly StorageId[],
  found: readonly PeerId[],
  membership: Membership,
): string[] {
  const self = membership.self().id
  return members
    .filter(({ storageId, id }) => replicas.includes(storageId) && !found.includes(id))
    .map(({ id, name }) => {
      if (id === self) return `${name} is this daemon: a lookup leaves out who asks`
      const isUp = ['alive', 'suspect'].includes(membership.get(id)?.state ?? '')
      return isUp ? `the lookup did not reach ${name}` : `${name} is down`
    })
}

/** Members that the lookup names before it has named all replicas, and that hold nothing of the key. */
function extra(
  found: readonly Found[],
  passed: Placed['passed'],
  members: ReadonlyMap<PeerId, TopologyMember>,
): string[] {
  const last = found.findLastIndex(({ is }) => is === 'replica')
  return found.slice(0, last + 1).flatMap(({ peer, name, is }) => {
    if (is !== 'member') return []
    const reason = passed.find(
      ({ storageId }) => storageId === members.get(peer)?.storageId,
    )?.reason
    const why = reason === undefined ? 'it is near the key, not its partition' : PASSED[reason]
    return [`${name} holds none: ${why}`]
  })
}
