/**
 * An edge, over real libp2p: every call of the store and of the registers works on a node that holds
 * no data; and one that holds no topology, whose every member has moved while it was down, finds the
 * replicas through the real Kademlia lookup, once.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AtollNode, createNode } from '../../src/index.ts'
import { isAtollError } from '../../src/base/errors.ts'
import { decodeTicket, encodeTicket } from '../../src/mesh/ticket.ts'
import { LOOPBACK, type Loopback, onLoopback, until } from '../adapters/loopback.ts'
import { EDGE_CALLS, lookupsOf } from './edge-calls.ts'

class Cluster {
  readonly home: string
  readonly running = new Map<string, AtollNode>()

  constructor(home: string) {
    this.home = home
  }

  async start(name: string, more: Parameters<typeof createNode>[0] = {}): Promise<AtollNode> {
    const dataDir = join(this.home, name)
    const options = { name, dataDir, listen: [LOOPBACK], profile: 'local', partitions: 16 } as const
    const node = await createNode({ ...options, ...more })
    this.running.set(name, node)
    return node
  }

  node(name: string): AtollNode {
    const node = this.running.get(name)
    assert.ok(node !== undefined)
    return node
  }

  async stop(name: string): Promise<void> {
    await this.node(name).stop()
    this.running.delete(name)
  }

  /** Founds it, and lets the others join. */
  async form(names: readonly string[], replicationFactor: number): Promise<void> {
    const [founder = '', ...others] = names
    await this.start(founder, { init: true, replicationFactor })
    await this.admit(founder, others)
    await this.settled(names)
  }

  async admit(by: string, names: readonly string[]): Promise<void> {
    for (const name of names) {
      await this.start(name, { join: (await this.node(by).ticket.create()).ticket })
    }
  }

  /** These are the members, see each other, and nothing moves. */
  async settled(names: readonly string[]): Promise<void> {
    for (const name of names) {
      await until(`${name} sees ${names.join(', ')}`, async () => {
        const { members, partitions, replicationFactor } = await this.node(name).topology.show()
        const copies = Math.min(names.length, replicationFactor)
        const isUp = members.every(({ state }) => state === 'alive')
        const isStill = partitions.every(({ replicas, previous }) => {
          return replicas.length === copies && previous === null
        })
        return members.length === names.length && isUp && isStill
      })
    }
  }
}

async function onCluster(run: (cluster: Cluster, world: Loopback) => Promise<void>): Promise<void> {
  await onLoopback(async (world) => {
    const cluster = new Cluster(await mkdtemp(join(tmpdir(), 'atoll-edge-')))
    world.after(async () => {
      await Promise.all([...cluster.running.values()].map((node) => node.stop()))
      await rm(cluster.home, { recursive: true, force: true })
    })
    await run(cluster, world)
  })
}

describe('an edge', () => {
  it('takes every call of the store and of the registers, and looks nothing up', () =>
    onCluster(async (cluster) => {
      await cluster.form(['a', 'b', 'c'], 3)
      const { ticket } = await cluster.node('a').ticket.create({ role: 'edge' })
      await using edge = await createNode({ join: ticket, listen: [LOOPBACK], profile: 'local' })
      assert.equal((await edge.status()).role, 'edge')
      for (const [name, call] of EDGE_CALLS) {
        await call(edge).catch((error: unknown) => {
          throw new Error(name, { cause: error })
        })
      }
      assert.equal(await lookupsOf(edge), 0)
    })).timeout(60_000)

  it('that keeps nothing has left when it is stopped', () =>
    onCluster(async (cluster) => {
      await cluster.form(['a', 'b'], 2)
      const { ticket } = await cluster.node('a').ticket.create({ role: 'edge' })
      const edge = await createNode({ join: ticket, listen: [LOOPBACK], profile: 'local' })
      const { id } = await edge.status()
      const stateAt = async (name: string) =>
        (await cluster.node(name).member.ls()).find((member) => member.id === id)?.state
      for (const name of ['a', 'b']) {
        await until(`${name} sees the edge`, async () => (await stateAt(name)) === 'alive')
      }
      await edge.stop()
      for (const name of ['a', 'b']) {
        await until(`${name} sees it gone`, async () => (await stateAt(name)) !== 'alive')
        assert.equal(await stateAt(name), 'left')
      }
    })).timeout(60_000)

  it('finds its cluster by Kademlia when all that it knew have left it', () =>
    onCluster(async (cluster, world) => {
      await cluster.form(['a', 'b'], 2)
      const node = (name: string): AtollNode => cluster.node(name)
      await node('a').kv.put('color', 'blue', { write: 'all' })
      await node('a').reg.set('cfg', 'v1')
      // A peer of the network that is in no cluster: it says no hello, and its Kademlia answers.
      const { ticket } = await node('a').ticket.create({ role: 'edge' })
      const plain = decodeTicket(ticket)
      const beacon = await world.startWith(700, { networkKey: plain.networkKey })
      const contact = { peer: beacon.network.self, addresses: beacon.network.addresses() }
      const named = encodeTicket({ ...plain, contacts: [...plain.contacts, contact] })
      // Nobody can call it: it finds the others or remains alone.
      const lonely = { announce: ['/ip4/127.0.0.1/tcp/1'] }
      await cluster.start('edge', { ...lonely, join: named })
      assert.equal((await node('edge').kv.get('color'))?.value, 'blue')
      await cluster.stop('edge')

      await cluster.admit('a', ['c', 'd'])
      await cluster.settled(['a', 'b', 'c', 'd'])
      for (const name of ['a', 'b']) {
        await node(name).leave()
        await cluster.stop(name)
      }
      await cluster.settled(['c', 'd'])
      for (const name of ['c', 'd']) {
        const { id, addresses } = await node(name).status()
        await beacon.network.dial(id, 'gossip', { addresses, timeoutMs: 5000 })
      }

      const edge = await cluster.start('edge', lonely)
      // Kademlia's own upkeep may have met them by now: then there is nothing left to look for.
      const isAlone = await edge.topology.show().then(
        () => false,
        (error: unknown) => isAtollError(error, 'NO_QUORUM'),
      )
      assert.equal(await lookupsOf(edge), 0)
      const [read, register] = await Promise.all([
        edge.kv.get('color', { deadlineMs: 5000 }),
        edge.reg.get('cfg', { deadlineMs: 5000 }),
      ])
      assert.deepEqual([read?.value, read?.partial, register?.value], ['blue', false, 'v1'])
      const { members } = await edge.topology.show()
      assert.deepEqual(members.map(({ name }) => name).sort(), ['c', 'd'])
      for (let i = 0; i < 50; i++) await edge.kv.put(`k${i}`, i)
      assert.ok((await lookupsOf(edge)) <= (isAlone ? 1 : 0))
    })).timeout(60_000)
})
