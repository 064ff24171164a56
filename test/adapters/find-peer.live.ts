/**
 * A peer that comes back on another port is found through the real Kademlia lookup, by peers whose
 * every address of it is stale; on bare networks, and on whole nodes that do it by themselves.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AtollNode, createNode } from '../../src/index.ts'
import { dial, type TestPeer } from '../contract/network.contract.ts'
import { LOOPBACK, type Loopback, onLoopback, until } from './loopback.ts'
import { addressOf, listener } from './raw-peer.ts'

const LOOKUP_MS = 5000

async function findsAt(who: TestPeer, sought: TestPeer): Promise<void> {
  const [now = ''] = sought.network.addresses()
  const { self } = sought.network
  const found = async (): Promise<boolean> =>
    (await who.network.findPeer(self, LOOKUP_MS)).includes(now)
  await until('found', found, 4000)
}

describe('libp2p lookup', () => {
  it('finds a peer at its new port although every known address is stale', () =>
    onLoopback(async (world: Loopback) => {
      const others = await Promise.all(Array.from({ length: 4 }, () => world.start()))
      // It listens nowhere: nobody who comes back can tell it where he is.
      const asker = await world.start(1, { listen: [] })
      const moved = await world.startWith(900, {})
      for (const peer of [...others, moved, asker]) {
        for (const other of others) if (other !== peer) await dial(peer, other, 'gossip')
      }
      // The asker, and libp2p under it, know where the peer is.
      const before = moved.network.addresses()
      asker.network.learnAddresses(moved.network.self, before)
      await dial(asker, moved, 'gossip')
      await findsAt(asker, moved)
      await moved.network.stop()

      const [only] = others
      assert.ok(only !== undefined)
      const returned = await world.startWith(900, {})
      assert.notDeepEqual(returned.network.addresses(), before)
      await dial(returned, only, 'gossip')
      await findsAt(asker, returned)
      const found = await asker.network.findPeer(returned.network.self, LOOKUP_MS)
      // What is new comes first: it is dialled first.
      assert.deepEqual(found[0], returned.network.addresses()[0])
      asker.network.learnAddresses(returned.network.self, found)
      const link = await asker.network.dial(returned.network.self, 'request', { timeoutMs: 5000 })
      assert.equal(link.peer, returned.network.self)
      link.abort()
    }))

  it('does not answer out of its own memory, which is stale where it matters', () =>
    onLoopback(async (world) => {
      const [a, b, c] = [await world.start(), await world.start(), await world.start()]
      await dial(a, b, 'gossip')
      await dial(c, b, 'gossip')
      await findsAt(a, c)
      await dial(a, c, 'gossip')
      await Promise.all([b.network.stop(), c.network.stop()])
      assert.deepEqual(await a.network.findPeer(c.network.self, 1000), [])
    }))

  it('ends in time, with nothing, when nobody knows', () =>
    onLoopback(async (world) => {
      const [a, b] = [await world.start(), await world.start()]
      await dial(a, b, 'gossip')
      const unknown = world.make().network.self
      const startMs = performance.now()
      assert.deepEqual(await a.network.findPeer(unknown, 300), [])
      assert.deepEqual(await b.network.findPeer(b.network.self, 300), [])
      assert.ok(performance.now() - startMs < 3000)
      await a.network.stop()
      assert.deepEqual(await a.network.findPeer(unknown, 300), [])
      assert.deepEqual(await a.network.closestPeers(Uint8Array.of(1), 300), [])
    }))
})

/** A port that nobody has just now. */
async function freePort(world: Loopback): Promise<string> {
  const server = await listener(world, () => undefined)
  const address = addressOf(server)
  await new Promise((resolve) => server.close(resolve))
  return address
}

describe('whole nodes', () => {
  it('find each other when two come back on other ports, what each knows of the other stale', () =>
    onLoopback(async (world) => {
      const home = await mkdtemp(join(tmpdir(), 'atoll-find-'))
      const ports = new Map<string, string>()
      const running = new Map<string, AtollNode>()
      world.after(async () => {
        await Promise.all([...running.values()].map((node) => node.stop()))
        await rm(home, { recursive: true, force: true })
      })
      const start = async (name: string, listen: string, ticket?: string): Promise<AtollNode> => {
        const options = { name, dataDir: join(home, name), listen: [listen], join: ticket }
        const node = await createNode({ ...options, profile: 'local', partitions: 16 })
        running.set(name, node)
        ports.set(name, (await node.status()).addresses[0] ?? '')
        return node
      }
      const alive = async (node: AtollNode): Promise<number> =>
        (await node.member.ls()).filter(({ state }) => state === 'alive').length

      const a = await start('a', LOOPBACK)
      await a.init()
      for (const name of ['b', 'c', 'd']) {
        const { ticket } = await a.ticket.create()
        await start(name, await freePort(world), ticket)
      }
      for (const node of running.values()) await until('all', async () => (await alive(node)) === 4)

      // Two of them move while they are down: what each has of the other is stale.
      await Promise.all(['b', 'd'].map(async (name) => running.get(name)?.stop()))
      const old = { b: ports.get('b'), d: ports.get('d') }
      await Promise.all(['b', 'd'].map(async (name) => start(name, await freePort(world))))
      assert.notEqual(ports.get('b'), old.b)
      assert.notEqual(ports.get('d'), old.d)
      for (const [name, node] of running) {
        await until(`${name} sees all`, async () => (await alive(node)) === 4, 30_000)
      }
      const seen = async (by: string, whom: string): Promise<readonly string[] | undefined> =>
        (await running.get(by)?.member.show(whom))?.addresses
      await until('b knows where d is', async () => {
        return (await seen('b', 'd'))?.[0] === ports.get('d')
      })
      await until('d knows where b is', async () => {
        return (await seen('d', 'b'))?.[0] === ports.get('b')
      })
      await running.get('b')?.kv.put('color', 'blue')
      await until('d reads it', async () => {
        return (await running.get('d')?.kv.get('color'))?.value === 'blue'
      })
    })).timeout(60_000)
})
