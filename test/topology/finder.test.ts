/** When an edge asks Kademlia for its cluster, how often, for how long, and whom it believes. */
import assert from 'node:assert/strict'
import { utf8ToText } from '../../src/base/bytes.ts'
import type { FoundPeer } from '../../src/seams/network.ts'
import type { MemberState } from '../../src/swim/member.ts'
import { decodeTopology, encodeTopology } from '../../src/topology/codec.ts'
import { TopologyFinder } from '../../src/topology/finder.ts'
import type { Topology } from '../../src/topology/topology.ts'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { FakeMesh, Hub, recordingLog, Roll } from './fakes.ts'
import { ManualClock } from './manual-clock.ts'
import { genesisOf, memberOf } from './members.ts'

const ADDRESSES = ['/ip4/192.0.2.9/tcp/4410']
const DEADLINE_MS = 2000

class EdgeMesh extends FakeMesh {
  readonly found: string[] = []
  onFound: (peer: string) => void = () => undefined

  override foundAt(peer = '', addresses: readonly string[] = []): void {
    assert.deepEqual(addresses, ADDRESSES)
    this.found.push(peer)
    this.onFound(peer)
  }
}

/** An edge beside members a, b, c, which hold the topology and are met 20 ms after they are found. */
class Desk {
  readonly clock = new ManualClock()
  readonly hub = new Hub(this.clock)
  readonly roll = new Roll(this.clock)
  /** As the members have it. */
  topology: Topology
  readonly mesh: EdgeMesh
  readonly finder: TopologyFinder
  readonly keys: string[] = []
  readonly learned: number[] = []
  current: Topology | null = null
  lookupMs = 100
  /** Whom a lookup finds. */
  near = ['a', 'b', 'c']
  /** Found, and not there. */
  gone = ''

  constructor() {
    const members = ['a', 'b', 'c'].map((name) => memberOf(name))
    const replicas = members.map(({ storageId }) => storageId)
    const genesis = genesisOf(members, { partitions: 1 })
    const partitions = [{ cfg: 2, replicas, prev: null, former: [] }]
    this.topology = { ...genesis, number: 2, parent: 'ab'.repeat(32), members, partitions }
    for (const name of ['a', 'b', 'c', 'x']) {
      this.meshOf(name).handle(REQUEST_KINDS.TOPOLOGY_GET, () => encodeTopology(this.topology))
    }
    const { id } = memberOf('edge')
    const wireVersion = 1
    const self = { peer: id, storageId: '', boot: 1, run: 1, role: 'edge', wireVersion } as const
    this.mesh = new EdgeMesh(this.hub, self)
    this.mesh.onFound = (peer) => {
      const name = ['a', 'b', 'c', 'x'].find((each) => memberOf(each).id === peer) ?? ''
      if (!this.gone.includes(name)) this.clock.after(20, () => this.believe(name, 'alive'))
    }
    const { clock, mesh } = this
    this.finder = new TopologyFinder({
      network: { closestPeers: (key) => this.#closest(key) },
      mesh,
      membership: this.roll.viewOf(id),
      topology: {
        current: () => this.current,
        learn: async (next) => {
          this.learned.push(next.number)
          this.current = next
          return true
        },
      },
      clock,
      log: recordingLog([]),
    })
  }

  meshOf(name: string): FakeMesh {
    const { id, storageId } = memberOf(name)
    const self = { peer: id, storageId, boot: 1, run: 1, role: 'member', wireVersion: 1 } as const
    return new FakeMesh(this.hub, self)
  }

  believe(names: string, state: MemberState): void {
    for (const name of names) {
      const role = name === 'x' ? 'edge' : 'member'
      this.roll.set(memberOf(name), state, { role })
    }
  }

  async #closest(key: Uint8Array): Promise<readonly FoundPeer[]> {
    this.keys.push(utf8ToText(key) ?? '')
    await new Promise<void>((resolve) => this.clock.after(this.lookupMs, resolve))
    return this.near.map((name) => ({ peer: memberOf(name).id, addresses: ADDRESSES }))
  }

  /** How long a call had to wait. */
  async find(key = 'k', deadlineMs = DEADLINE_MS, signal?: AbortSignal): Promise<number> {
    const { clock } = this
    const startMs = clock.monotonicMs()
    let tookMs: number | null = null
    const call = { endMs: startMs + deadlineMs, signal }
    const finding = this.finder.find(key, call).then(() => {
      tookMs = clock.monotonicMs() - startMs
    })
    while (tookMs === null) await clock.advance(1)
    await finding
    return tookMs
  }
}

describe('finding the cluster', () => {
  it('is not needed while one member of the topology is up', async () => {
    const desk = new Desk()
    desk.current = desk.topology
    for (const state of ['alive', 'suspect'] as const) {
      desk.believe('b', state)
      assert.equal(desk.finder.isNeeded, false)
      assert.equal(await desk.find(), 0)
    }
    assert.deepEqual([desk.finder.lookups, desk.keys], [0, []])
    for (const state of ['dead', 'left'] as const) {
      desk.believe('b', state)
      assert.equal(desk.finder.isNeeded, true)
    }
    // Somebody else's disk at the peer's address is not the member.
    const { storageId: _, ...rest } = memberOf('b')
    desk.roll.set({ ...rest, storageId: memberOf('other').storageId }, 'alive')
    assert.equal(desk.finder.isNeeded, true)
  })

  it('brings the topology where none is known, and its members, before the call', async () => {
    const desk = new Desk()
    assert.equal(desk.finder.isNeeded, true)
    const tookMs = await desk.find('users/17')
    assert.ok(tookMs >= 120 && tookMs <= 160, `${tookMs} ms`)
    assert.deepEqual(desk.keys, ['users/17'])
    assert.equal(desk.current?.number, 2)
    assert.deepEqual(
      desk.mesh.found,
      ['a', 'b', 'c'].map((name) => memberOf(name).id),
    )
    await desk.clock.advance(3000)
    assert.equal(await desk.find(), 0)
    assert.equal(desk.finder.isNeeded, false)
    assert.equal(desk.finder.lookups, 1)
  })

  it('brings a newer one where all members are gone from their addresses', async () => {
    const desk = new Desk()
    const old = ['p', 'q', 'r'].map((name) => memberOf(name))
    desk.current = { ...desk.topology, number: 1, members: old }
    for (const name of 'pqr') desk.roll.set(memberOf(name), 'dead')
    await desk.find()
    assert.equal(desk.current.number, 2)
    assert.equal(desk.finder.lookups, 1)
  })

  it('waits for a majority of the replicas of the key, not for all', async () => {
    const desk = new Desk()
    desk.gone = 'c'
    assert.ok((await desk.find()) < 200)
    const lonely = new Desk()
    lonely.gone = 'bc'
    const tookMs = await lonely.find()
    assert.ok(tookMs >= 1490 && tookMs <= 1520, `${tookMs} ms: then the call says what it can do`)
    assert.equal(lonely.current?.number, 2)
  })

  it('of both sets while data moves', async () => {
    const desk = new Desk()
    const [partition] = desk.topology.partitions
    assert.ok(partition !== undefined)
    const [a = '', b = '', c = ''] = partition.replicas
    const before = { cfg: 1, replicas: [b, c, memberOf('d').storageId] }
    const moving = { cfg: 2, replicas: [a, b], prev: before, former: [] }
    const members = [...desk.topology.members, memberOf('d')]
    desk.topology = { ...desk.topology, members, partitions: [moving] }
    desk.gone = 'c'
    assert.ok((await desk.find()) >= 1490)
    assert.deepEqual(desk.current?.partitions, [moving])
  })

  it('takes three quarters of the call, and goes on for the next', async () => {
    const desk = new Desk()
    desk.lookupMs = 1000
    const tookMs = await desk.find('k', 1000)
    assert.ok(tookMs >= 740 && tookMs <= 770, `${tookMs} ms`)
    assert.equal(desk.current, null)
    assert.ok((await desk.find('k', 1000)) <= 320)
    assert.equal(desk.finder.lookups, 1)
    assert.equal(desk.learned.length > 0, true)
  })

  it('is one lookup for all calls', async () => {
    const desk = new Desk()
    const calls = Array.from({ length: 50 }, (_, i) =>
      desk.finder.find(`k${i}`, { endMs: 2000, signal: undefined }),
    )
    await desk.clock.advance(50)
    assert.ok(desk.clock.pending <= 2, 'the lookup, and one timer for all that wait')
    await desk.clock.advance(150)
    await Promise.all(calls)
    assert.equal(desk.finder.lookups, 1)
  })

  it('in vain ends the wait at once, and is not repeated for two seconds', async () => {
    const desk = new Desk()
    desk.near = []
    const tookMs = await desk.find()
    assert.ok(tookMs >= 100 && tookMs <= 120, `${tookMs} ms`)
    assert.equal(await desk.find(), 0)
    await desk.clock.advance(1950)
    assert.equal(await desk.find(), 0)
    assert.equal(desk.finder.lookups, 1)
    await desk.clock.advance(100)
    desk.near = ['a', 'b', 'c']
    await desk.find()
    assert.equal(desk.finder.lookups, 2)
    assert.equal(desk.current?.number, 2)
  })

  it('asks members alone, and five of them at most', async () => {
    const desk = new Desk()
    desk.near = ['x']
    await desk.find()
    assert.equal(desk.current, null, 'an edge is not believed')
    const many = new Desk()
    const names = Array.from({ length: 20 }, (_, i) => `m${i}`)
    const asked: string[] = []
    for (const name of names) {
      many.meshOf(name).handle(REQUEST_KINDS.TOPOLOGY_GET, () => {
        asked.push(name)
        return new Uint8Array()
      })
    }
    many.near = names
    many.mesh.onFound = (peer) => {
      const name = names.find((each) => memberOf(each).id === peer) ?? ''
      many.roll.set(memberOf(name), 'alive')
    }
    await many.find()
    assert.equal(asked.length, 5)
  })

  it('takes nothing that is no topology', async () => {
    const desk = new Desk()
    desk.near = ['a']
    desk.meshOf('a').handle(REQUEST_KINDS.TOPOLOGY_GET, () => Uint8Array.of(9, 9, 9))
    await desk.find()
    assert.equal(desk.current, null)
    assert.throws(() => decodeTopology(Uint8Array.of(9, 9, 9)))
  })

  it('leaves itself out', async () => {
    const desk = new Desk()
    desk.near = ['edge', 'a', 'b']
    await desk.find()
    assert.equal(desk.mesh.found.length, 2)
  })

  it('ends with the call, and with the node', async () => {
    const desk = new Desk()
    desk.lookupMs = 500
    const given = new AbortController()
    desk.clock.after(50, () => given.abort())
    assert.ok((await desk.find('k', 2000, given.signal)) <= 60)
    const waiting = desk.find()
    let stopped = false
    void desk.finder.stop().then(() => {
      stopped = true
    })
    await desk.clock.advance(0)
    assert.equal(stopped, true, 'at once')
    assert.equal(desk.clock.pending, 1, 'the lookup, which ends with the network')
    assert.equal(await waiting, 0)
    await desk.clock.advance(500)
    assert.deepEqual(desk.mesh.found, [], 'nobody is met after the end')
    await desk.clock.advance(5000)
    assert.equal(desk.clock.pending, 0)
    assert.equal(await desk.find(), 0)
    assert.equal(desk.finder.lookups, 1)
  })
})
