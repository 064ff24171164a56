/** Where a key lives and why, what holds it, and what a live lookup makes of it: `explain`. */
import { toString } from 'uint8arrays/to-string'
import { utf8 } from '../base/bytes.ts'
import { checkedDeadline } from '../base/call-limits.ts'
import type { StorageId } from '../base/ids.ts'
import { kadIdOfKey } from '../kad/node-id.ts'
import { partitionOf } from '../kad/partition.ts'
import type { HeldVersion } from '../store/held.ts'
import type { Partition, Topology } from '../topology/topology.ts'
import { type Placed, whyPlaced } from '../topology/why-placed.ts'
import type { CallOptions, Explanation, ReplicaExplanation } from './api.ts'
import type { Cluster } from './compose.ts'
import { type Lookup, lookupExplanation } from './lookup-view.ts'
import { registerExplanation } from './register-view.ts'
import { stateOf } from './views.ts'

const LOOKUP_MS = 2000
/** Nearer members that are passed over: the nearest of them are told. */
const PASSED_MAX = 5

export async function explain(
  cluster: Cluster,
  key: string,
  options: CallOptions,
): Promise<Explanation> {
  const { finder, membership } = cluster
  const deadlineMs = checkedDeadline(options.deadlineMs)
  const endMs = cluster.nowMs() + deadlineMs
  if (finder?.isNeeded === true) await finder.find(key, { endMs, signal: undefined })
  const topology = cluster.knownTopology()
  const [held, register, lookup] = await Promise.all([
    cluster.kv.inspect(key, deadlineMs),
    cluster.reg.inspect(key, deadlineMs),
    lookUp(cluster, key, Math.min(deadlineMs, LOOKUP_MS)),
  ])
  const kadId = kadIdOfKey(key)
  const partition = partitionOf(kadId, topology.partitions.length)
  const state = topology.partitions[partition] ?? NOWHERE
  const placed = whyPlaced(topology, partition)
  const replicas = placed.replicas.map((each) =>
    replicaOf({ ...each, part: partOf(state, each.storageId) }, cluster, topology, held),
  )
  const explained = lookupExplanation(topology, state.replicas, placed, membership, lookup)
  return {
    key,
    kadId: toString(kadId, 'base16'),
    partition,
    partitions: topology.partitions.length,
    cfg: state.cfg,
    replicas,
    passed: passedOver(topology, placed),
    register: registerExplanation(topology, replicas, register),
    lookup: explained,
    closest: explained.found.map(({ name }) => name),
    notes: [...formerNotes(topology, state.former), ...notesOn(replicas, state.prev !== null)],
  }
}

const NOWHERE: Partition = { cfg: 0, replicas: [], prev: null, former: [] }

async function lookUp(cluster: Cluster, key: string, timeoutMs: number): Promise<Lookup> {
  const startMs = cluster.nowMs()
  const found = await cluster.network.closestPeers(utf8(key), timeoutMs)
  return { found: found.map(({ peer }) => peer), tookMs: Math.round(cluster.nowMs() - startMs) }
}

function partOf({ replicas, prev }: Partition, id: StorageId): ReplicaExplanation['part'] {
  if (prev === null) return 'replica'
  if (!replicas.includes(id)) return 'goes'
  return prev.replicas.includes(id) ? 'replica' : 'comes'
}

type PlacedPart = Placed['replicas'][number] & Pick<ReplicaExplanation, 'part'>

function replicaOf(
  { storageId, part, rank, load, loadMax }: PlacedPart,
  { membership }: Cluster,
  topology: Topology,
  held: ReadonlyMap<StorageId, HeldVersion>,
): ReplicaExplanation {
  const member = topology.members.find((each) => each.storageId === storageId)
  const answer = held.get(storageId)
  return {
    storageId,
    name: member?.name ?? '',
    state: member === undefined ? 'unknown' : stateOf(member, membership),
    part,
    rank,
    load,
    loadMax,
    context: answer?.context ?? '',
    siblingCount: answer?.siblingCount ?? 0,
    answered: answer !== undefined,
    isCurrent: answer?.isCurrent ?? false,
    writes: (answer?.writes ?? []).map((write) => ({ ...write, by: nameOf(topology, write.by) })),
  }
}

function nameOf({ members, away }: Topology, storageId: StorageId): string {
  const known = [...members, ...away].find((each) => each.storageId === storageId)
  return known?.name ?? storageId
}

function passedOver(topology: Topology, { passed }: Placed): Explanation['passed'] {
  return passed.slice(0, PASSED_MAX).map(({ storageId, rank, reason }) => {
    return { storageId, name: nameOf(topology, storageId), rank, reason }
  })
}

function formerNotes({ members, away }: Topology, former: readonly StorageId[]): string[] {
  if (former.length === 0) return []
  const names = [...members, ...away]
    .filter(({ storageId }) => former.includes(storageId))
    .map(({ name }) => name)
  return [`${names.join(', ')} may hold an old copy; until it has offered that, deletions are kept`]
}

function notesOn(replicas: Explanation['replicas'], isMoving: boolean): string[] {
  const notes: string[] = []
  if (isMoving) notes.push('the partition is moving: reads and writes need both replica sets')
  const answered = replicas.filter((replica) => replica.answered)
  if (answered.length < replicas.length) {
    notes.push(`${replicas.length - answered.length} of ${replicas.length} replicas did not answer`)
  }
  if (answered.some(({ isCurrent }) => !isCurrent)) {
    notes.push('replicas differ; a read repairs them')
  }
  return notes
}
