/** Whom a name means, where two members have it. */
import assert from 'node:assert/strict'
import type { Cluster } from '../../src/node/compose.ts'
import { memberNamed } from '../../src/node/members.ts'
import { ambiguous, called, endOf } from '../../src/node/naming.ts'
import { removeMember } from '../../src/node/operator.ts'
import { healthOf } from '../../src/node/views.ts'
import { checkReach } from '../../src/node/doctor/check-reach.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { genesisOf, memberOf } from '../topology/members.ts'

const A = { ...memberOf('a'), state: 'alive', role: 'member', tags: {}, incarnation: 1 } as const
/** The machine `c` before it lost its disk, and after. */
const OLD = { ...A, ...memberOf('c'), state: 'dead' } as const
const NEW = { ...A, ...memberOf('d'), name: 'c' } as const
const BOTH = `${endOf(OLD.id)} (dead), ${endOf(NEW.id)} (alive)`

type Someone = Omit<typeof A, 'state'> & { readonly state: string }

function clusterOf(members: readonly Someone[], change: Partial<Topology> = {}) {
  const removed: string[] = []
  const topology: Topology = { ...genesisOf([memberOf('a')]), members: [A, OLD, NEW], ...change }
  const cluster = {
    membership: {
      self: () => A,
      members: () => members,
      get: (id: string) => members.find((each) => each.id === id),
      isUsable: () => true,
    },
    topology: { current: () => topology },
    knownTopology: () => topology,
    mesh: { self: { storageId: A.storageId } },
    removals: {
      stateOf: ({ storageId, state }: Someone) =>
        topology.removed.includes(storageId as never) ? 'removed' : state,
    },
    issuer: {
      remove: (storageId: string) => {
        removed.push(storageId)
        return Promise.resolve(7)
      },
    },
  } as unknown as Cluster
  return { cluster, removed, topology }
}

describe('a name that two members have', () => {
  it('is refused, and tells them apart; the end of an id names one', async () => {
    const { cluster, removed } = clusterOf([A, OLD, NEW])
    const hint = `name it by its id or the end of it: ${BOTH}`
    const message = '2 members are called "c"'
    assert.throws(() => memberNamed(cluster, 'c'), { code: 'CONFLICT', message, hint })
    await assert.rejects(removeMember(cluster, 'c'), { code: 'CONFLICT', message, hint })
    assert.deepEqual(removed, [])
    assert.equal(memberNamed(cluster, endOf(NEW.id)).id, NEW.id)
    await removeMember(cluster, endOf(OLD.id))
    await removeMember(cluster, OLD.id.slice(-8))
    await removeMember(cluster, OLD.storageId)
    assert.deepEqual(removed, [OLD.storageId, OLD.storageId, OLD.storageId])
  })

  it('means the one that is here once the other is removed or has left', async () => {
    const gone = clusterOf([A, OLD, NEW], { members: [A, NEW], removed: [OLD.storageId] })
    assert.equal(memberNamed(gone.cluster, 'c').id, NEW.id)
    await removeMember(gone.cluster, 'c')
    assert.deepEqual(gone.removed, [NEW.storageId])
    const left = clusterOf([A, { ...OLD, state: 'left' }, NEW])
    assert.equal(memberNamed(left.cluster, 'c').id, NEW.id)
    const alone = clusterOf([A, OLD], { members: [A], removed: [OLD.storageId] })
    assert.equal(memberNamed(alone.cluster, 'c').state, 'removed')
  })

  it('is nobody by a short end, and none by an end where a name is the same', () => {
    assert.deepEqual(called([A, OLD], OLD.id.slice(-5)), [])
    assert.deepEqual(called([A, OLD], '…'), [])
    const named = { ...A, name: OLD.id.slice(-6) }
    assert.deepEqual(called([named, OLD], named.name), [named])
  })

  it('tells disks of one peer apart by the disk', () => {
    const disks = [OLD, { ...OLD, storageId: NEW.storageId }]
    const { hint } = ambiguous(disks, 'c', () => 'away')
    assert.ok(hint?.endsWith(`${endOf(OLD.storageId)} (away), ${endOf(NEW.storageId)} (away)`))
  })

  it('the doctor says how one is removed that is gone for good', () => {
    const one = { state: 'dead', sinceMs: 1000, addresses: [], answer: null } as const
    const fixes = ['c', 'c (…abcdef)'].map((name) => {
      const figures = { self: 'a', members: [{ ...one, name }], reaches: [] }
      return checkReach({ ...figures, mute: [] } as never)[0]?.fix
    })
    assert.match(fixes[0] ?? '', /^start c again; .*: atoll member remove c$/)
    assert.match(fixes[1] ?? '', /^start c \(…abcdef\) again; .*: atoll member remove …abcdef$/)
  })
})

describe('what is said of a disk that is away', () => {
  it('is nothing once its daemon has said goodbye', () => {
    const away = [{ storageId: OLD.storageId, name: 'c' }]
    for (const [state, count] of [
      ['dead', 1],
      ['left', 0],
    ] as const) {
      const { cluster, topology } = clusterOf([A, { ...OLD, state }], { members: [A], away })
      const { warnings } = healthOf(topology, cluster.membership)
      assert.equal(warnings.filter((each) => /deletions are kept/.test(each)).length, count)
    }
  })
})
