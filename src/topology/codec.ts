/**
 * Bytes of a topology. Replicas and roots are written as indexes into the member list, former
 * replicas into that and the list of those away after it, so a partition costs about eight bytes.
 *
 * What `decodeTopology` returns keeps every invariant that one topology can keep by itself:
 * storage ids are distinct, replica sets are distinct members, no configuration is newer than the
 * topology. Whether it may follow another one is `validate.ts`'s to say.
 */
import { createHash } from 'node:crypto'
import { toString } from 'uint8arrays/to-string'
import { isId, peerIdBytes, type StorageId } from '../base/ids.ts'
import { isPartitionCount } from '../kad/partition.ts'
import { WireError, WireReader, WireWriter } from '../wire/codec.ts'
import {
  ADDRESS_BYTES_MAX,
  ADDRESSES_MAX,
  AWAY_MAX,
  CAPACITY_MAX,
  FORMER_MAX,
  FORMERS_MAX,
  MEMBERS_MAX,
  NAME_BYTES_MAX,
  PARTITIONS_MAX,
  REMOVED_MAX,
  REPLICATION_FACTOR_MAX,
  ROOTS_MAX,
  TOPOLOGY_BYTES_MAX,
} from './limits.ts'
import { formerDisks } from './former.ts'
import type {
  AwayDisk,
  Configuration,
  Offered,
  Partition,
  Retired,
  Topology,
  TopologyMember,
} from './topology.ts'

/** Raised when fields are added: a topology is hashed, so nobody may skip what he cannot read. */
const FORMAT = 3
const ID_TEXT_MAX = 64
const HASH_PATTERN = /^[0-9a-f]{64}$/

export function encodeTopology(topology: Topology): Uint8Array {
  const disks = [...topology.members, ...topology.away]
  const indexes = new Map(disks.map(({ storageId }, index) => [storageId, index]))
  const indexOf = (id: StorageId) => {
    const index = indexes.get(id)
    if (index === undefined) throw new WireError(`replica ${id} is not known`)
    return index
  }
  const out = new WireWriter().uint(FORMAT).string(topology.clusterId).uint(topology.number)
  out.string(topology.parent).uint(topology.replicationFactor)
  out.list(topology.members, writeMember)
  out.list(topology.away, (to, { storageId, name }) => void to.string(storageId).string(name))
  out.list(topology.roots, (to, id) => void to.uint(indexOf(id)))
  out.list(topology.partitions, (to, partition) => {
    writeConfiguration(to, partition, indexOf)
    to.bool(partition.prev !== null)
    if (partition.prev !== null) writeConfiguration(to, partition.prev, indexOf)
    to.list(partition.former, (each, id) => void each.uint(indexOf(id)))
  })
  out.list(topology.removed, (to, id) => void to.string(id))
  out.list(topology.retired, (to, retired) => writeRetired(to, retired, topology.partitions))
  out.list(topology.offered, (to, { disk, partitions }) => {
    to.string(disk).list(partitions, (each, partition) => void each.uint(partition))
  })
  const bytes = out.finish()
  if (bytes.length > TOPOLOGY_BYTES_MAX) throw new WireError('the topology is over its limit')
  return bytes
}

/** Throws WireError on anything that no honest node would send. */
export function decodeTopology(bytes: Uint8Array): Topology {
  if (bytes.length > TOPOLOGY_BYTES_MAX) throw new WireError('the topology is over its limit')
  const from = new WireReader(bytes)
  if (from.uint() !== FORMAT) throw new WireError('topology of an unknown format')
  const clusterId = readId(from)
  const number = from.uint()
  const parent = from.string(ID_TEXT_MAX)
  check(number >= 1, 'topologies are numbered from 1')
  check(number === 1 ? parent === '' : HASH_PATTERN.test(parent), 'malformed parent hash')
  const replicationFactor = from.uint(REPLICATION_FACTOR_MAX)
  check(replicationFactor >= 1, 'the replication factor is at least 1')
  const members = from.list(MEMBERS_MAX, readMember)
  check(members.length > 0, 'a topology has members')
  const away = from.list(AWAY_MAX, readAway)
  checkDistinct([...members, ...away].map(({ storageId }) => storageId))
  const roots = from.list(ROOTS_MAX, (each) => readReplica(each, members))
  check(roots.length > 0, 'a topology has roots')
  checkDistinct(roots)
  const partitions = from.list(PARTITIONS_MAX, (each) => readPartition(each, members, away, number))
  check(isPartitionCount(partitions.length), 'the number of partitions is no power of two')
  const removed = from.list(REMOVED_MAX, readId)
  checkDistinct(removed)
  const retired = from.list(PARTITIONS_MAX, (each) => readRetired(each, partitions))
  check(retired.every(isAscending), 'retired partitions are out of order')
  const offered = from.list(MEMBERS_MAX, (each) => readOffered(each, partitions.length))
  checkDistinct(offered.map(({ disk }) => disk))
  check(from.done, 'the topology has more fields than its format')
  for (const { replicas } of partitions) {
    check(replicas.length <= replicationFactor, 'more replicas than the replication factor')
  }
  const about = { clusterId, number, parent, replicationFactor }
  const topology = { ...about, members, roots, partitions, removed, away, retired, offered }
  checkFormer(topology)
  return topology
}

/** What the next topology bears as its parent. */
export function hashTopology(topology: Topology): string {
  const digest = createHash('sha256').update(encodeTopology(topology)).digest()
  return toString(digest, 'base16')
}

function writeMember(out: WireWriter, member: TopologyMember): void {
  out.string(member.storageId).string(member.id).string(member.name)
  out.list(member.addresses, (to, address) => void to.string(address))
  out.string(member.zone).uint(member.capacity)
}

function readMember(from: WireReader): TopologyMember {
  const storageId = readId(from)
  const id = from.string(ID_TEXT_MAX)
  check(peerIdBytes(id) !== null, 'malformed peer id')
  const name = from.string(NAME_BYTES_MAX)
  const addresses = from.list(ADDRESSES_MAX, (each) => each.string(ADDRESS_BYTES_MAX))
  const zone = from.string(NAME_BYTES_MAX)
  const capacity = from.uint(CAPACITY_MAX)
  return { storageId, id, name, addresses, zone, capacity }
}

function writeConfiguration(
  out: WireWriter,
  { cfg, replicas }: Configuration,
  indexOf: (id: StorageId) => number,
): void {
  out.uint(cfg).list(replicas, (to, id) => void to.uint(indexOf(id)))
}

function readPartition(
  from: WireReader,
  members: readonly TopologyMember[],
  away: readonly AwayDisk[],
  number: number,
): Partition {
  const current = readConfiguration(from, members, number)
  const prev = from.bool() ? readConfiguration(from, members, current.cfg - 1) : null
  const former = from.list(FORMER_MAX, (each) => {
    const index = each.uint(MEMBERS_MAX + AWAY_MAX)
    const disk = members[index] ?? away[index - members.length]
    if (disk === undefined) throw new WireError('a former replica is not known')
    return disk.storageId
  })
  if (former.length > 0) {
    checkDistinct(former)
    const holds = [...current.replicas, ...(prev?.replicas ?? [])]
    check(!former.some((id) => holds.includes(id)), 'a former replica is one')
  }
  return { ...current, prev, former }
}

function readAway(from: WireReader): AwayDisk {
  return { storageId: readId(from), name: from.string(NAME_BYTES_MAX) }
}

function readOffered(from: WireReader, count: number): Offered {
  const disk = readId(from)
  const partitions = from.list(PARTITIONS_MAX, (each) => each.uint(count - 1))
  const isOrdered = partitions.every((each, i) => i === 0 || each > (partitions[i - 1] ?? 0))
  check(partitions.length > 0 && isOrdered, 'offered partitions are out of order')
  return { disk, partitions }
}

/** Away are exactly the former replicas that are no members; none of them was removed. */
function checkFormer({ partitions, members, away, removed }: Topology): void {
  const total = partitions.reduce((sum, { former }) => sum + former.length, 0)
  check(total <= FORMERS_MAX, 'too many former replicas')
  const former = formerDisks({ partitions })
  check(!removed.some((id) => former.has(id)), 'a removed disk is a former replica')
  for (const { storageId } of members) former.delete(storageId)
  const isExact = away.every(({ storageId }) => former.delete(storageId)) && former.size === 0
  check(isExact, 'those away are not the former replicas that are no members')
}

function readConfiguration(
  from: WireReader,
  members: readonly TopologyMember[],
  cfgMax: number,
): Configuration {
  const cfg = from.uint(Math.max(0, cfgMax))
  check(cfg >= 1, 'configurations are numbered from 1')
  const replicas = from.list(REPLICATION_FACTOR_MAX, (each) => readReplica(each, members))
  check(replicas.length > 0, 'a partition has replicas')
  checkDistinct(replicas)
  return { cfg, replicas }
}

/** The replicas as bits: bit i is the i-th. */
function writeRetired(
  out: WireWriter,
  { partition, installed }: Retired,
  partitions: readonly Partition[],
): void {
  const replicas = partitions[partition]?.replicas ?? []
  if (!installed.every((id) => replicas.includes(id))) {
    throw new WireError(`no replica of partition ${partition} reports it`)
  }
  const bits = installed.reduce((sum, id) => sum + 2 ** replicas.indexOf(id), 0)
  out.uint(partition).uint(bits)
}

function readRetired(from: WireReader, partitions: readonly Partition[]): Retired {
  const partition = from.uint(PARTITIONS_MAX)
  const { replicas, prev } = partitions[partition] ?? { replicas: [], prev: null }
  check(prev === null && replicas.length > 0, 'a partition is retired and moves')
  const bits = from.uint(2 ** replicas.length - 1)
  return { partition, installed: replicas.filter((_, i) => (bits & (1 << i)) !== 0) }
}

function isAscending({ partition }: Retired, index: number, all: readonly Retired[]): boolean {
  return index === 0 || partition > (all[index - 1]?.partition ?? -1)
}

function readReplica(from: WireReader, members: readonly TopologyMember[]): StorageId {
  const member = members[from.uint(MEMBERS_MAX)]
  if (member === undefined) throw new WireError('a replica is no member')
  return member.storageId
}

function readId(from: WireReader): string {
  const id = from.string(ID_TEXT_MAX)
  check(isId(id), 'malformed id')
  return id
}

function checkDistinct(ids: readonly string[]): void {
  check(new Set(ids).size === ids.length, 'an id is named twice')
}

function check(holds: boolean, message: string): void {
  if (!holds) throw new WireError(message)
}
