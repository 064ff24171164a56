/** What the doctor gathers of a cluster: whom it asks, how many, and whom it names. */
import assert from 'node:assert/strict'
import { AtollError } from '../../src/base/errors.ts'
import { type ClusterView, examineCluster } from '../../src/node/doctor/cluster-figures.ts'
import { PEERS_MAX, type Sounder } from '../../src/node/doctor/sounding.ts'
import type { Member } from '../../src/swim/member.ts'
import { ManualClock } from '../topology/manual-clock.ts'
import { genesisOf, memberOf } from '../topology/members.ts'

function member(id: string, change: Partial<Member> = {}): Member {
  return {
    id,
    name: id,
    zone: '',
    role: 'member',
    storageId: `s${id}`,
    boot: 1,
    capacity: 1,
    addresses: [],
    tags: {},
    state: 'alive',
    incarnation: 1,
    changedAtMs: 0,
    ...change,
  }
}

interface Told {
  readonly sounded: string[]
  readonly asked: (readonly string[])[]
}

/** A view of these members, of which the first is this node; those named answer in their own way. */
function viewOf(
  members: readonly Member[],
  ways: Readonly<Record<string, 'silent' | 'mute' | 'old'>> = {},
): ClusterView & Told {
  const [self] = members
  assert.ok(self)
  const sounded: string[] = []
  const asked: (readonly string[])[] = []
  const sounder = {
    sound: async (peer: string) => {
      sounded.push(peer)
      const way = ways[peer]
      if (way === 'silent') return { peer, answered: false, why: 'TIMEOUT' }
      if (way === 'old') return { peer, answered: false, why: 'UNSUPPORTED' }
      return { peer, answered: true, rttMs: 2, offsetMs: 1, version: '1', trial: 'open' }
    },
    reachOf: async (peer: string, peers: readonly string[]) => {
      asked.push(peers)
      const way = ways[peer]
      if (way === 'old') throw new AtollError('UNSUPPORTED', 'too old')
      if (way !== undefined) throw new AtollError('TIMEOUT', 'silent')
      return peers.map((each) => ({ peer: each, answered: true, rttMs: 1, why: '', trial: 'open' }))
    },
  }
  return {
    removals: { self: null },
    kv: { held: { withSiblings: 3 } },
    membership: { self: () => self, members: () => members } as ClusterView['membership'],
    topology: { current: () => null },
    sounder: sounder as unknown as Sounder,
    topologySinceMs: 0,
    sounded,
    asked,
  }
}

const examine = (view: ClusterView) =>
  examineCluster(view, new ManualClock(), 4000, (peers) => [...peers])

describe('figures of a cluster', () => {
  it('asks each other member once, about all others and this node', async () => {
    const view = viewOf(['a', 'b', 'c'].map((id) => member(id)))
    const { asked, reach, quorum, withSiblings } = await examine(view)
    assert.equal(withSiblings, 3)
    assert.deepEqual([asked, view.sounded], [2, ['b', 'c']])
    assert.deepEqual(view.asked, [
      ['a', 'c'],
      ['a', 'b'],
    ])
    assert.equal(reach.reaches.length, 4)
    assert.equal(quorum, null)
  })

  it('asks a sample of a large cluster, about that sample', async () => {
    const members = Array.from({ length: 500 }, (_, i) => member(`m${i}`))
    const view = viewOf(members)
    const { asked, reach } = await examine(view)
    assert.equal(asked, PEERS_MAX - 1)
    assert.deepEqual([view.sounded.length, view.asked.length], [PEERS_MAX - 1, PEERS_MAX - 1])
    for (const peers of view.asked) assert.ok(peers.length <= PEERS_MAX)
    assert.equal(reach.members.length, 499)
    assert.equal(reach.members.filter(({ answer }) => answer !== null).length, PEERS_MAX - 1)
  })

  it('leaves out edges and those who left, and does not ask the dead', async () => {
    const view = viewOf([
      member('a'),
      member('b', { state: 'dead' }),
      member('c', { state: 'left' }),
      member('d', { role: 'edge' }),
      member('e', { state: 'suspect' }),
    ])
    const { reach } = await examine(view)
    assert.deepEqual(view.sounded, ['e'])
    assert.deepEqual(
      reach.members.map(({ name }) => name),
      ['b', 'e'],
    )
  })

  it('tells those who are silent, who do not say whom they reach, and who are older', async () => {
    const members = ['a', 'b', 'c', 'd'].map((id) => member(id))
    const { reach, older, versions } = await examine(
      viewOf(members, { b: 'silent', c: 'mute', d: 'old' }),
    )
    assert.deepEqual([reach.mute, older], [['c'], ['d']])
    const answers = reach.members.map(({ name, answer }) => [name, answer])
    assert.deepEqual(answers, [
      ['b', { why: 'TIMEOUT' }],
      ['c', { rttMs: 2 }],
      ['d', { rttMs: 0 }],
    ])
    assert.deepEqual(versions, [{ name: 'c', version: '1' }])
  })

  it('tells members of one name apart', async () => {
    const members = [
      member('id-of-a'),
      member('id-000001', { name: 'x' }),
      member('id-000002', { name: 'x' }),
    ]
    const { reach } = await examine(viewOf(members))
    assert.deepEqual(
      reach.members.map(({ name }) => name),
      ['x (…000001)', 'x (…000002)'],
    )
    const topology = { ...genesisOf([memberOf('a')]), members }
    const { membership, ...view } = viewOf(members)
    const isUsable = (id: string) => id !== 'id-000002'
    const get = (id: string) => members.find((each) => each.id === id)
    const { quorum } = await examine({
      ...view,
      membership: { ...membership, isUsable, get } as ClusterView['membership'],
      topology: { current: () => topology },
    })
    assert.deepEqual(quorum?.down, ['x (…000002)'])
  })
})
