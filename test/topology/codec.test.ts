import assert from 'node:assert/strict'
import fc from 'fast-check'
import { decodeTopology, encodeTopology, hashTopology } from '../../src/topology/codec.ts'
import { planTopology } from '../../src/topology/planner.ts'
import { decodeRemoval, decodeReport, encodeReport } from '../../src/topology/requests.ts'
import type { AwayDisk, Retired, Topology, TopologyMember } from '../../src/topology/topology.ts'
import { WireError, WireWriter } from '../../src/wire/codec.ts'
import { genesisOf, inputOf, memberOf, membersOf, settle } from './members.ts'

const members = membersOf(6)
const moving = planTopology(inputOf(genesisOf(members, { partitions: 16 }), members)).next
assert.ok(moving !== null)
const sample: Topology = { ...moving, removed: [memberOf('removed').storageId] }
const settled: Topology = {
  ...sample,
  partitions: sample.partitions.map((each) => ({ ...each, prev: null })),
}

const GONE = memberOf('gone')

/** What encodes into bytes that a decoder must refuse. */
const WRONG: Readonly<Record<string, Topology>> = {
  'number 0': { ...sample, number: 0 },
  'no parent': { ...sample, parent: '' },
  'a parent that is no hash': { ...sample, parent: 'Z'.repeat(64) },
  'a genesis with a parent': { ...sample, number: 1 },
  'no replication': { ...sample, replicationFactor: 0 },
  'too much replication': { ...sample, replicationFactor: 8 },
  'more replicas than the factor': { ...sample, replicationFactor: 2 },
  'a cluster id that is none': { ...sample, clusterId: 'x' },
  'a disk named twice': { ...sample, members: [...sample.members, ...members.slice(0, 1)] },
  'a malformed disk': withMember({ storageId: 'UPPER' }),
  'a malformed peer': withMember({ id: '12D3KooW' }),
  'a name that is too long': withMember({ name: 'x'.repeat(257) }),
  'too many addresses': withMember({ addresses: Array.from({ length: 17 }, () => '/ip4/1') }),
  'a capacity over the limit': withMember({ capacity: 1001 }),
  'no roots': { ...sample, roots: [] },
  'a root twice': { ...sample, roots: [sample.roots[0] ?? '', sample.roots[0] ?? ''] },
  'too many roots': { ...sample, roots: sample.members.map(({ storageId }) => storageId) },
  'partitions that are no power of two': { ...sample, partitions: sample.partitions.slice(1) },
  'no partitions': { ...sample, partitions: [] },
  'a cfg of the future': withPartition({ cfg: sample.number + 1 }),
  'cfg 0': withPartition({ cfg: 0, prev: null }),
  'no replicas': withPartition({ replicas: [] }),
  'a replica twice': withPartition({ replicas: [...sample.roots, ...sample.roots].slice(0, 4) }),
  'a prev that is not older': withPartition({
    prev: { cfg: sample.number, replicas: sample.roots.slice(0, 1) },
  }),
  'a prev without replicas': withPartition({ prev: { cfg: 1, replicas: [] } }),
  'a retired partition that moves': { ...sample, retired: [reportOf(0)] },
  'retired partitions out of order': { ...settled, retired: [reportOf(1), reportOf(0)] },
  'a partition retired twice': { ...settled, retired: [reportOf(1), reportOf(1)] },
  'a former replica twice': withFormer([members[5]?.storageId ?? '', members[5]?.storageId ?? '']),
  'a former replica that is one': withFormer(sample.partitions[0]?.replicas ?? []),
  'a former replica from which data still moves': withFormer(
    sample.partitions[0]?.prev?.replicas ?? [],
  ),
  'a former replica that was removed': {
    ...withFormer([GONE.storageId], [GONE]),
    removed: [GONE.storageId],
  },
  'more former replicas of a partition than there may be': withFormer(
    membersOf(65, 'f').map(({ storageId }) => storageId),
    membersOf(65, 'f'),
  ),
  'somebody away who was no replica': withFormer([], [GONE]),
  'somebody away twice': withFormer([GONE.storageId], [GONE, GONE]),
  'somebody away who is a member': withFormer([members[5]?.storageId ?? ''], [members[5] ?? GONE]),
  'somebody away with a name that is too long': withFormer(
    [GONE.storageId],
    [{ ...GONE, name: 'x'.repeat(257) }],
  ),
  'offers of nothing': { ...sample, offered: [{ disk: GONE.storageId, partitions: [] }] },
  'offers out of order': { ...sample, offered: [{ disk: GONE.storageId, partitions: [2, 1] }] },
  'offers of no partition': { ...sample, offered: [{ disk: GONE.storageId, partitions: [16] }] },
  'offers of one disk apart': {
    ...sample,
    offered: [0, 1].map((partition) => ({ disk: GONE.storageId, partitions: [partition] })),
  },
  'a removed disk twice': { ...sample, removed: [...sample.removed, ...sample.removed] },
}

function withFormer(former: readonly string[], away: readonly AwayDisk[] = []): Topology {
  const disks = away.map(({ storageId, name }) => ({ storageId, name }))
  return { ...withPartition({ former }), removed: [], away: disks }
}

function reportOf(partition: number): Retired {
  return { partition, installed: sample.partitions[partition]?.replicas ?? [] }
}

function withMember(change: Partial<TopologyMember>): Topology {
  const extra = { ...memberOf('extra'), ...change }
  return { ...sample, members: [...sample.members, extra] }
}

function withPartition(change: Partial<Topology['partitions'][number]>): Topology {
  const [first, ...rest] = sample.partitions
  assert.ok(first !== undefined)
  return { ...sample, partitions: [{ ...first, ...change }, ...rest] }
}

describe('codec of topologies', () => {
  it('gives back what went in', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 5 }), fc.integer({ min: 1, max: 12 }), (seed, count) => {
        const all = membersOf(count, seed).map((each, i) => ({ ...each, zone: `ž${i % 3}` }))
        const { steps, topology } = settle(planTopology, genesisOf(all, { partitions: 8 }), all)
        for (const each of [...steps, topology]) {
          assert.deepEqual(decodeTopology(encodeTopology(each)), each)
        }
      }),
      { numRuns: 20 },
    )
  })

  it('gives back former replicas, members or not, and who has offered', () => {
    const partitions = settled.partitions.map((each, i) => {
      const other = sample.members.find(({ storageId: id }) => !each.replicas.includes(id))
      return {
        ...each,
        former: [[GONE.storageId], [other?.storageId ?? GONE.storageId]][i % 2] ?? [],
      }
    })
    const away = [{ storageId: GONE.storageId, name: 'göné' }]
    const offered = [{ disk: memberOf('x').storageId, partitions: [0, 3, 15] }]
    const topology = { ...settled, removed: [], partitions, away, offered }
    assert.deepEqual(decodeTopology(encodeTopology(topology)), topology)
  })

  it('bounds former replicas of all partitions together', () => {
    const old = membersOf(64, 'f')
    const former = old.map(({ storageId }) => storageId)
    const away = old.map(({ storageId, name }) => ({ storageId, name }))
    const [first] = settled.partitions
    assert.ok(first !== undefined)
    const filled = (count: number): Topology => {
      const partitions = Array.from({ length: 8192 }, (_, i) => {
        return { ...first, former: i < count ? former : [] }
      })
      return { ...settled, removed: [], partitions, away }
    }
    assert.ok(encodeTopology(filled(4096)).length < 2 * 1024 * 1024)
    assert.equal(decodeTopology(encodeTopology(filled(4096))).away.length, 64)
    assert.throws(() => decodeTopology(encodeTopology(filled(4097))), WireError)
  })

  for (const [name, wrong] of Object.entries(WRONG)) {
    it(`refuses ${name}`, () => {
      assert.throws(() => decodeTopology(encodeTopology(wrong)), WireError)
    })
  }

  it('refuses another format, more fields, a cut end, and too many bytes', () => {
    const bytes = encodeTopology(sample)
    assert.throws(() => decodeTopology(Uint8Array.of(1, ...bytes.slice(1))), WireError)
    assert.throws(() => decodeTopology(Uint8Array.of(...bytes, 0)), WireError)
    assert.throws(() => decodeTopology(bytes.slice(0, -1)), WireError)
    assert.throws(() => decodeTopology(new Uint8Array(4 * 1024 * 1024)), WireError)
    assert.throws(() => decodeTopology(new Uint8Array()), WireError)
  })

  it('refuses a list that claims more than there can be', () => {
    const header = new WireWriter().uint(3).string(sample.clusterId).uint(2).string(sample.parent)
    const huge = header
      .uint(3)
      .uint(2 ** 31)
      .finish()
    assert.throws(() => decodeTopology(huge), WireError)
  })

  it('answers damaged bytes with a topology that keeps every rule, or with WireError', () => {
    const bytes = encodeTopology(sample)
    fc.assert(
      fc.property(
        fc.nat({ max: bytes.length - 1 }),
        fc.integer({ min: 0, max: 255 }),
        (at, byte) => {
          const damaged = bytes.slice()
          damaged[at] = byte
          try {
            const read = decodeTopology(damaged)
            const ids = new Set(read.members.map(({ storageId }) => storageId))
            assert.equal(ids.size, read.members.length)
            for (const { cfg, replicas, prev } of read.partitions) {
              assert.ok(cfg <= read.number && (prev === null || prev.cfg < cfg))
              assert.ok([...replicas, ...(prev?.replicas ?? [])].every((id) => ids.has(id)))
            }
          } catch (error) {
            assert.ok(error instanceof WireError, String(error))
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('holds 5000 members and 65 536 partitions in one frame', () => {
    const many = membersOf(5000)
    const replicas = many.slice(4000, 4003).map(({ storageId }) => storageId)
    const partitions = Array.from({ length: 65_536 }, () => ({
      cfg: 9,
      replicas,
      prev: null,
      former: [],
    }))
    const big = { ...sample, number: 9, members: many, roots: replicas, partitions }
    const bytes = encodeTopology(big)
    assert.ok(bytes.length < 2 * 1024 * 1024)
    assert.deepEqual(decodeTopology(bytes).members.length, 5000)
    assert.throws(
      () => decodeTopology(encodeTopology({ ...big, members: membersOf(5001) })),
      WireError,
    )
  })

  it('refuses to encode what does not fit a frame, or names a stranger', () => {
    const name = 'x'.repeat(256)
    const fat = membersOf(5000).map((each) => ({
      ...each,
      addresses: Array.from({ length: 16 }, () => name),
    }))
    assert.throws(
      () => encodeTopology({ ...sample, members: [...sample.members, ...fat] }),
      WireError,
    )
    assert.throws(
      () => encodeTopology({ ...sample, roots: [memberOf('nobody').storageId] }),
      WireError,
    )
    const stranger = { partition: 0, installed: [memberOf('nobody').storageId] }
    assert.throws(() => encodeTopology({ ...settled, retired: [stranger] }), WireError)
  })

  it('hashes every field', () => {
    const changes: Partial<Topology>[] = [
      { number: 9 },
      { parent: 'ab'.repeat(32) },
      { members: sample.members.map((each) => ({ ...each, zone: 'z' })) },
      { removed: [] },
      { retired: [{ partition: 0, installed: [] }] },
      { away: [{ storageId: members[4]?.storageId ?? '', name: 'n' }] },
      { offered: [{ disk: GONE.storageId, partitions: [3] }] },
      {
        partitions: settled.partitions.map((each) => ({
          ...each,
          former: [sample.members.find(({ storageId: id }) => !each.replicas.includes(id))].map(
            (other) => other?.storageId ?? '',
          ),
        })),
      },
      { roots: sample.roots.toReversed() },
    ]
    const hashes = [settled, ...changes.map((change) => ({ ...settled, ...change }))].map(
      hashTopology,
    )
    assert.equal(new Set(hashes).size, hashes.length)
  })
})

describe('codec of requests to the roots', () => {
  it('bounds reports and removals', () => {
    const most = Array.from({ length: 4096 }, (_, partition) => ({ partition, cfg: 7 }))
    const report = { installed: most, emptied: most.slice(0, 9) }
    assert.deepEqual(decodeReport(encodeReport(report)), report)
    const swapped = { installed: report.emptied, emptied: report.installed }
    assert.deepEqual(decodeReport(encodeReport(swapped)), swapped)
    const tooMany = [...most, { partition: 0, cfg: 7 }]
    for (const wrong of [tooMany, [{ partition: 65_536, cfg: 1 }]]) {
      for (const [installed, emptied] of [
        [wrong, []],
        [[], wrong],
      ] as const) {
        assert.throws(() => decodeReport(encodeReport({ installed, emptied })), WireError)
      }
    }
    assert.throws(() => decodeRemoval(new WireWriter().string('no id').finish()), WireError)
  })
})
