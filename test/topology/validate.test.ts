import assert from 'node:assert/strict'
import { hashTopology } from '../../src/topology/codec.ts'
import { planTopology } from '../../src/topology/planner.ts'
import type { StorageId } from '../../src/base/ids.ts'
import type { Partition, Topology } from '../../src/topology/topology.ts'
import { refusalOfSuccessor } from '../../src/topology/validate.ts'
import { genesisOf, inputOf, memberOf, membersOf } from './members.ts'
import { importMutant, type Mutation } from '../mutate.ts'

type Check = typeof refusalOfSuccessor

const members = membersOf(4)
const two = members.slice(0, 2).map(({ storageId }) => storageId)
const start = genesisOf(members, { partitions: 8 })
const moving = planTopology(inputOf(start, members.slice(0, 3))).next as Topology
const three = moving.partitions[0]?.replicas ?? []
/** Every movement at its end, with these reports. */
function clearedBy(...installed: readonly StorageId[]): Topology {
  return after(moving, {
    partitions: moving.partitions.map((each) => ({
      ...each,
      prev: null,
      former: (each.prev?.replicas ?? []).filter((id) => !each.replicas.includes(id)),
    })),
    retired: moving.partitions.map((_, partition) => ({ partition, installed })),
  })
}
const cleared = clearedBy(...three)

function after(parent: Topology, change: Partial<Topology>): Topology {
  return { ...parent, number: parent.number + 1, parent: hashTopology(parent), ...change }
}

function withFirst(topology: Topology, change: Partial<Partition>): Partial<Topology> {
  const [first, ...rest] = topology.partitions
  assert.ok(first !== undefined)
  return { partitions: [{ ...first, ...change }, ...rest] }
}

const [first] = moving.partitions

/** Partition 0 moves from its replicas to others, as somebody plans who never forgets. */
function movedOn(from: Topology, replicas: readonly StorageId[]): Topology {
  const number = from.number + 1
  const [{ cfg, replicas: old, former } = partitionOf(from)] = from.partitions
  const rest = former.filter((id) => !replicas.includes(id))
  const prev = { cfg, replicas: old }
  return after(from, { ...withFirst(from, { cfg: number, replicas, prev, former: rest }), ...NOW })
}

function arrived(from: Topology, change: Partial<Partition>): Topology {
  const installed = partitionOf(from).replicas
  const retired = [{ partition: 0, installed }]
  return after(from, { ...withFirst(from, { prev: null, ...change }), ...NOW, retired })
}

function partitionOf(topology: Topology): Partition {
  const [zero] = topology.partitions
  assert.ok(zero !== undefined)
  return zero
}

const NOW = { retired: [], offered: [] }
const [a = '', b = '', c = ''] = three
const d = members[3]?.storageId ?? ''
const all = { ...cleared, members }
const leaving = movedOn(all, [a, b, d])
const left = arrived(leaving, { former: [c] })
const offeredBy = (disk: StorageId, partitions = [0]) => [{ disk, partitions }]
interface Case {
  readonly parent: Topology
  readonly next: Topology
}

const GOOD: Readonly<Record<string, Case>> = {
  'a first movement': { parent: start, next: moving },
  'nothing but a number': { parent: start, next: after(start, {}) },
  'a number after a movement': { parent: cleared, next: after(cleared, { retired: [] }) },
  'the end of a movement': { parent: moving, next: cleared },
  'a majority that has installed': {
    parent: moving,
    next: clearedBy(...three.slice(0, 2)),
  },
  'a former replica that has offered': {
    parent: left,
    next: after(left, { ...withFirst(left, { former: [] }), ...NOW, offered: offeredBy(c) }),
  },
  'a former replica that is one again': { parent: left, next: movedOn(left, [a, b, c]) },
  'a former replica that stays one over a move': { parent: left, next: movedOn(left, [a, d]) },
  'a former replica that was removed': {
    parent: left,
    next: after(left, { ...withFirst(left, { former: [] }), ...NOW, removed: [c] }),
  },
  'one that offers in the very step in which it becomes one': {
    parent: leaving,
    next: { ...arrived(leaving, { former: [] }), offered: offeredBy(c) },
  },
}

const BAD: Readonly<Record<string, Case>> = {
  'the same number': { parent: moving, next: { ...moving, parent: hashTopology(moving) } },
  'an older number': { parent: moving, next: { ...start, parent: hashTopology(moving) } },
  'a number left out': { parent: start, next: { ...after(start, {}), number: 3 } },
  'another parent': { parent: start, next: after(start, { parent: hashTopology(moving) }) },
  'another cluster': { parent: start, next: after(start, { clusterId: three[0] ?? '' }) },
  'another replication factor': { parent: start, next: after(start, { replicationFactor: 2 }) },
  'another number of partitions': {
    parent: start,
    next: after(start, { partitions: start.partitions.slice(0, 4) }),
  },
  'a move with an old cfg': {
    parent: start,
    next: after(
      start,
      withFirst(start, { replicas: three, prev: { cfg: 1, replicas: start.roots } }),
    ),
  },
  'a move that forgets its old set': {
    parent: start,
    next: after(start, withFirst(start, { cfg: 2, replicas: three, prev: null })),
  },
  'a move with another old set': {
    parent: start,
    next: after(
      start,
      withFirst(start, { cfg: 2, replicas: three, prev: { cfg: 1, replicas: three } }),
    ),
  },
  'a move while it moves': {
    parent: moving,
    next: after(
      moving,
      withFirst(moving, {
        cfg: 3,
        replicas: three.slice(0, 2),
        prev: { cfg: 2, replicas: three },
      }),
    ),
  },
  'a new cfg without a move kept': {
    parent: moving,
    next: after(moving, withFirst(moving, { cfg: 3, prev: first?.prev ?? null })),
  },
  'a prev from nowhere': {
    parent: cleared,
    next: after(cleared, withFirst(cleared, { prev: { cfg: 1, replicas: three.slice(0, 1) } })),
  },
  'a retirement without any report': { parent: moving, next: { ...cleared, retired: [] } },
  'a retirement with one report': { parent: moving, next: clearedBy(...three.slice(0, 1)) },
  'a retirement reported by strangers': {
    parent: moving,
    next: clearedBy(members[3]?.storageId ?? '', three[0] ?? ''),
  },
  'the reports of the topology before': {
    parent: cleared,
    next: after(cleared, {}),
  },
  'an even number of roots': { parent: start, next: after(start, { members, roots: two }) },
  'a removed disk that is forgotten': {
    parent: after(start, { removed: [memberOf('gone').storageId] }),
    next: after(after(start, { removed: [memberOf('gone').storageId] }), { removed: [] }),
  },
  'a former replica that is forgotten': {
    parent: left,
    next: after(left, { ...withFirst(left, { former: [] }), ...NOW }),
  },
  'a former replica that never comes on the list': {
    parent: leaving,
    next: arrived(leaving, { former: [] }),
  },
  'a former replica that is forgotten amid another move': {
    parent: left,
    next: (() => {
      const next = movedOn(left, [a, d])
      return after(left, { ...withFirst(next, { former: [] }), ...NOW })
    })(),
  },
  'a former replica out of nowhere': {
    parent: all,
    next: after(all, { ...withFirst(all, { former: [d] }), ...NOW }),
  },
  'an offer by the old set while data moves': {
    parent: leaving,
    next: after(leaving, { ...NOW, offered: offeredBy(c) }),
  },
  'an offer of another partition': {
    parent: left,
    next: after(left, { ...withFirst(left, { former: [] }), ...NOW, offered: offeredBy(c, [1]) }),
  },
  'an offer by somebody else': {
    parent: left,
    next: after(left, { ...withFirst(left, { former: [] }), ...NOW, offered: offeredBy(a) }),
  },
  'an offer of what stays on the list': {
    parent: left,
    next: after(left, { ...NOW, offered: offeredBy(c) }),
  },
  'a removed disk that stays a former replica': {
    parent: left,
    next: after(left, { ...NOW, removed: [c] }),
  },
  'a removed disk that joins': {
    parent: start,
    next: after(start, {
      members: members.slice(0, 2),
      removed: members.slice(1, 2).map(({ storageId }) => storageId),
    }),
  },
}

function assertRules(check: Check): void {
  for (const [name, { parent, next }] of Object.entries(GOOD)) {
    assert.equal(check(parent, next), null, name)
  }
  for (const [name, { parent, next }] of Object.entries(BAD)) {
    assert.notEqual(check(parent, next), null, name)
  }
}

const MUTANTS: Readonly<Record<string, readonly [string, string]>> = {
  'stale number accepted': ['next.number !== parent.number + 1', 'false'],
  'parent check skipped': ['next.parent !== hashTopology(parent)', 'false'],
  'cluster check skipped': ['next.clusterId !== parent.clusterId', 'false'],
  'move while prev': ['if (before.prev !== null)', 'if (before.prev === after)'],
  'cfg not checked': ['after.cfg !== number', 'false'],
  'old set not checked': ['!sameConfiguration(before, after.prev)', 'false'],
  'prev cleared early': ['count >= majorityOf(after.replicas.length)', 'count >= 1'],
  'strangers counted': [
    'after.replicas.filter((id) => installed?.includes(id)).length',
    '(installed ?? []).length',
  ],
  'reports of another step': ['installed !== undefined && before.prev === null', 'false'],
  'two roots': ['next.roots.length % 2 === 0', 'false'],
  'former replica forgotten': ['sameIds(after.former, stay)', 'true'],
  'nobody offers': ['!offered.has(id)', 'true'],
  'anybody offers': ['if (!expected.includes(id)) return', 'if (id === "") return'],
  'removed disk joins': ['removed.has(id) && !before.has(id)', 'false'],
}

const FORMER_MUTANTS: Readonly<Record<string, readonly [string, string]>> = {
  'the old set leaves no trace': ['? before.prev.replicas : []', '? [] : []'],
  'former replicas go with the next move': ['[...before.former, ...left]', 'left'],
  'a replica stays a former one': ['!after.replicas.includes(id) && ', ''],
  'a removed disk is waited for': [' && !removed.has(id)', ''],
}

describe('what may follow a topology', () => {
  it('takes in what follows the rules, and refuses the rest', () => assertRules(refusalOfSuccessor))

  for (const [name, [from, to]] of Object.entries(FORMER_MUTANTS)) {
    it(`notices the mutant: ${name}`, async () => {
      const mutant: Mutation = { file: 'topology/former.ts', from, to }
      const broken = await importMutant<{ refusalOfSuccessor: Check }>(
        'src/topology/validate.ts',
        mutant,
      )
      assert.throws(() => assertRules(broken.refusalOfSuccessor))
    })
  }

  for (const [name, [from, to]] of Object.entries(MUTANTS)) {
    it(`notices the mutant: ${name}`, async () => {
      const mutant: Mutation = { file: 'topology/validate.ts', from, to }
      const broken = await importMutant<{ refusalOfSuccessor: Check }>(
        'src/topology/validate.ts',
        mutant,
      )
      assert.throws(() => assertRules(broken.refusalOfSuccessor))
    })
  }
})
