/** What an operator asks of the topology: its plan, a movement, the removal of a member. */
import { AtollError, isAtollError } from '../base/errors.ts'
import type { StorageId } from '../base/ids.ts'
import { lossesOf, liveDisks, loads } from '../topology/describe.ts'
import type { Outlook } from '../topology/outlook.ts'
import type { Partition, Topology, TopologyMember } from '../topology/topology.ts'
import { majorityOf } from '../topology/validate.ts'
import type {
  MemberRemoved,
  PartitionMove,
  TopologyMoved,
  TopologyMoveOptions,
  TopologyPlan,
} from './api.ts'
import type { Cluster } from './compose.ts'
import { ambiguous, called, type Named, nobodyCalled } from './naming.ts'

export async function removeMember(cluster: Cluster, nameOrId: string): Promise<MemberRemoved> {
  const current = cluster.knownTopology()
  const disks = disksNamed(cluster, current, nameOrId)
  const here = disks.filter((disk) => !current.removed.includes(disk.storageId))
  const meant = here.length > 0 ? here : disks
  const [only] = meant
  if (only === undefined) throw nobodyCalled(nameOrId)
  if (meant.length > 1) throw ambiguous(meant, nameOrId, stateIn(cluster))
  const { storageId, name } = only
  if (storageId === cluster.mesh.self.storageId) {
    throw new AtollError('CONFLICT', `${name} is this daemon itself`, {
      hint: 'use: atoll leave',
    })
  }
  return { storageId, name, topology: await cluster.issuer.remove(storageId) }
}

/** Also those that are away, or that the topology does not know yet. */
function disksNamed(cluster: Cluster, current: Topology, nameOrId: string): Named[] {
  const away = current.away.map((disk) => ({ ...disk, id: '' }))
  const all: Named[] = [...away, ...cluster.membership.members(), ...current.members]
  const disks = all.filter(({ storageId }) => storageId !== '')
  const byDisk = new Map(called(disks, nameOrId).map((each) => [each.storageId, each]))
  return [...byDisk.values()]
}

function stateIn({ membership, removals }: Cluster): (disk: Named) => string {
  return ({ id, storageId }) => {
    const member = membership.get(id)
    return member?.storageId === storageId ? removals.stateOf(member) : 'away'
  }
}

export async function movePartition(
  cluster: Cluster,
  partition: number,
  { to, from }: TopologyMoveOptions,
): Promise<TopologyMoved> {
  const current = cluster.knownTopology()
  const state = current.partitions[partition]
  if (state === undefined) {
    const last = current.partitions.length - 1
    throw new AtollError('NOT_FOUND', `partitions are numbered from 0 to ${last}`)
  }
  const taker = memberNamed(cluster, current, to)
  const giver =
    from === undefined ? giverFor(current, state, taker) : memberNamed(cluster, current, from)
  const move = { partition, from: giver.storageId, to: taker.storageId }
  const topology = await cluster.issuer.move(move)
  return { partition, from: giver.name, to: taker.name, topology }
}

export async function planInfo(cluster: Cluster): Promise<TopologyPlan> {
  let outlook: Outlook | null = null
  try {
    outlook = await cluster.issuer.outlook()
  } catch (error) {
    if (!isAtollError(error, 'NO_QUORUM')) throw error
  }
  const current = outlook?.current ?? cluster.knownTopology()
  const live = liveDisks(current, cluster.membership)
  const next = outlook?.next ?? null
  const names = namesOf(current, next)
  const has = new Set(current.members.map(({ storageId }) => storageId))
  const will = new Set((next ?? current).members.map(({ storageId }) => storageId))
  const decider = current.members.find(({ id }) => id === outlook?.by)
  return {
    number: current.number,
    decider: decider?.name ?? '',
    blocked: blockedBy(current, live, outlook !== null),
    reasons: outlook?.reasons ?? [],
    joins: names([...will].filter((id) => !has.has(id))),
    goes: names([...has].filter((id) => !will.has(id))),
    roots: names((next ?? current).roots),
    moves: next === null ? [] : movesBetween(current, next, names),
    moving: current.partitions.flatMap((state, partition) => {
      if (state.prev === null) return []
      const installed = state.replicas.filter((id) =>
        outlook?.installed.get(partition)?.includes(id),
      )
      const waitsFor = state.replicas.filter((id) => !installed.includes(id))
      const move = moveOf(partition, state.prev.replicas, state.replicas, names)
      return [{ ...move, installed: names(installed), waitsFor: names(waitsFor) }]
    }),
    losses: lossesOf(current, live),
  }
}

function blockedBy(
  { members, roots }: Topology,
  live: ReadonlySet<StorageId>,
  answered: boolean,
): string | null {
  const down = members.filter(({ storageId }) => roots.includes(storageId) && !live.has(storageId))
  const names = down.map(({ name }) => name).join(', ')
  if (roots.length - down.length < majorityOf(roots.length)) {
    return `${down.length} of ${roots.length} roots are down: ${names}`
  }
  return answered ? null : 'no root answers'
}

type Names = (ids: readonly StorageId[]) => string[]

function namesOf(current: Topology, next: Topology | null): Names {
  const all = [...current.members, ...(next?.members ?? [])]
  const names = new Map(all.map(({ storageId, name }) => [storageId, name]))
  return (ids) => ids.map((id) => names.get(id) ?? id)
}

function movesBetween(current: Topology, next: Topology, names: Names): PartitionMove[] {
  return next.partitions.flatMap(({ cfg, replicas }, partition) => {
    const before = current.partitions[partition]
    if (before === undefined || before.cfg === cfg) return []
    return [moveOf(partition, before.replicas, replicas, names)]
  })
}

function moveOf(
  partition: number,
  before: readonly StorageId[],
  after: readonly StorageId[],
  names: Names,
): PartitionMove {
  return {
    partition,
    from: names(before.filter((id) => !after.includes(id))),
    to: names(after.filter((id) => !before.includes(id))),
  }
}

/** Keeps the zones apart, else eases the fullest. */
function giverFor(topology: Topology, { replicas }: Partition, to: TopologyMember): TopologyMember {
  const holds = loads(topology)
  const members = topology.members.filter(({ storageId }) => replicas.includes(storageId))
  const sameZone = members.filter(({ zone }) => zone === to.zone)
  const [giver] = (sameZone.length > 0 ? sameZone : members).toSorted((a, b) => {
    return (holds.get(b.storageId) ?? 0) - (holds.get(a.storageId) ?? 0)
  })
  if (giver === undefined) throw new AtollError('INTERNAL', 'a partition without replicas')
  return giver
}

function memberNamed(cluster: Cluster, topology: Topology, nameOrId: string): TopologyMember {
  const named = called(topology.members, nameOrId)
  const [only] = named
  if (only === undefined) {
    throw new AtollError('NOT_FOUND', `the topology has no member called "${nameOrId}"`, {
      hint: 'see: atoll topology show',
    })
  }
  if (named.length > 1) throw ambiguous(named, nameOrId, stateIn(cluster))
  return only
}
