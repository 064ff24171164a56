/** How evenly data lie: what the placement of 16 members makes of many keys, and of their bytes. */
import assert from 'node:assert/strict'
import type { StorageId } from '../../src/base/ids.ts'
import { compareDistance } from '../../src/kad/distance.ts'
import { type KadId, kadIdOfKey, kadIdOfPeer } from '../../src/kad/node-id.ts'
import { partitionOf, partitionPoint } from '../../src/kad/partition.ts'
import { planTopology } from '../../src/topology/planner.ts'
import type { TopologyMember } from '../../src/topology/topology.ts'
import { genesisOf, membersOf, settle } from './members.ts'

const MEMBERS = 16
const PARTITIONS = 256
const REPLICAS = 3
const KEYS = 100_000
/** As the README has them: the largest part over the mean. */
const KEYS_BOUND = 1.15
const BYTES_BOUND = 1.2
const SIZE_MAX = 1024 * 1024

type Placement = readonly (readonly StorageId[])[]

/** All at once, or one after the other. */
function placed(members: readonly TopologyMember[], together: boolean): Placement {
  let topology = genesisOf(members, { partitions: PARTITIONS, replicationFactor: REPLICAS })
  for (let count = together ? MEMBERS : 1; count <= MEMBERS; count++) {
    topology = settle(planTopology, topology, members.slice(0, count)).topology
  }
  return topology.partitions.map(({ replicas }) => replicas)
}

/** Each partition at its nearest members, as plain Kademlia has it. */
function nearest(members: readonly TopologyMember[]): Placement {
  const ids = members.map(({ id, storageId }) => ({ storageId, at: kadIdOfPeer(id) }))
  return Array.from({ length: PARTITIONS }, (_, partition) => {
    const point = partitionPoint(partition, PARTITIONS)
    const near = ids.toSorted((a, b) => compareDistance(point, a.at, b.at))
    return near.slice(0, REPLICAS).map(({ storageId }) => storageId)
  })
}

/** Between a byte and a mebibyte, each order of magnitude as often; by bits that place nothing. */
function sizeOf(kadId: KadId): number {
  return SIZE_MAX ** (Buffer.from(kadId).readUInt32BE(28) / 2 ** 32)
}

function maxOverMean(placement: Placement, weights: readonly number[]): number {
  const loads = new Map<StorageId, number>()
  for (const [partition, replicas] of placement.entries()) {
    for (const id of replicas) loads.set(id, (loads.get(id) ?? 0) + (weights[partition] ?? 0))
  }
  const all = [...loads.values()]
  return Math.max(...all) / (all.reduce((sum, each) => sum + each, 0) / MEMBERS)
}

describe('the load of sixteen members', () => {
  const keys = Array.from({ length: PARTITIONS }, () => 0)
  const bytes = [...keys]

  before(() => {
    for (let i = 0; i < KEYS; i++) {
      const kadId = kadIdOfKey(`user/${i}`)
      const partition = partitionOf(kadId, PARTITIONS)
      keys[partition] = (keys[partition] ?? 0) + 1
      bytes[partition] = (bytes[partition] ?? 0) + sizeOf(kadId)
    }
  })

  for (const seed of ['a', 'b', 'c', 'd']) {
    for (const together of [true, false]) {
      const how = together ? 'at once' : 'one by one'
      it(`is even in keys, and nearly so in bytes (${seed}, taken in ${how})`, () => {
        const placement = placed(membersOf(MEMBERS, seed), together)
        const [ofKeys, ofBytes] = [maxOverMean(placement, keys), maxOverMean(placement, bytes)]
        assert.ok(ofKeys <= KEYS_BOUND, `keys: ${ofKeys}`)
        assert.ok(ofBytes <= BYTES_BOUND, `bytes: ${ofBytes}`)
      })
    }

    it(`is uneven where the nearest hold everything (${seed})`, () => {
      const ofKeys = maxOverMean(nearest(membersOf(MEMBERS, seed)), keys)
      assert.ok(ofKeys > KEYS_BOUND, `keys: ${ofKeys}`)
    })
  }
})
