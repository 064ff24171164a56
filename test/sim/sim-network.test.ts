import assert from 'node:assert/strict'
import {
  type CloseReason,
  type Link,
  LINK_BUFFER_BYTES,
  type Network,
  NetworkError,
  type NetworkErrorKind,
} from '../../src/seams/network.ts'
import { noDisk } from './no-disk.ts'
import { SimNetwork } from './sim-network.ts'
import { World } from './world.ts'

/** Collects what a link hears. */
class Ear {
  readonly link: Link
  readonly frames: string[] = []
  drains = 0
  closed: CloseReason | null = null

  constructor(link: Link) {
    this.link = link
    link.open({
      onFrame: (frame) => this.frames.push(Buffer.from(frame).toString()),
      onDrain: () => this.drains++,
      onClose: (reason) => {
        assert.equal(this.closed, null, 'closed twice')
        this.closed = reason
      },
    })
  }

  send(text: string): boolean {
    return this.link.send(Buffer.from(text))
  }
}

interface Peer {
  readonly network: Network
  readonly accepted: Ear[]
}

interface TestWorld {
  readonly world: World<Peer>
  readonly peer: (index: number) => Peer
  readonly dial: (from: number, to: number, options?: Partial<DialTest>) => Promise<Ear>
}

interface DialTest {
  readonly timeoutMs: number
  readonly fresh: boolean
}

function makeWorld(hosts: number, keys: readonly number[] = []): TestWorld {
  const world = new World<Peer>({
    seed: 'network',
    hosts,
    disk: () => noDisk,
    program: {
      async start(seams, { index }) {
        const network = seams.network({
          privateKeySeed: new Uint8Array(32).fill(index + 1),
          networkKey: new Uint8Array(32).fill(keys[index] ?? 7),
          listen: ['/ip4/0.0.0.0/tcp/4410'],
          announce: [],
        })
        const accepted: Ear[] = []
        await network.start((link) => accepted.push(new Ear(link)))
        return { network, accepted }
      },
      stop: ({ network }) => network.stop(),
    },
  })
  const addresses: (readonly string[])[] = []
  const ids: string[] = []
  const peer = (index: number): Peer => {
    const { node } = world.host(index)
    assert.ok(node !== null)
    ids[index] = node.network.self
    addresses[index] = node.network.addresses()
    return node
  }
  return {
    world,
    peer,
    async dial(from, to, options = {}) {
      if (world.host(to).alive) peer(to)
      const target = ids[to] ?? ''
      const link = await peer(from).network.dial(target, 'request', {
        addresses: addresses[to] ?? [],
        timeoutMs: options.timeoutMs ?? 5000,
        fresh: options.fresh ?? false,
      })
      return new Ear(link)
    },
  }
}

async function startAll(world: World<Peer>): Promise<void> {
  for (const { index } of world.hosts) await world.start(index)
}

async function refusal(dial: Promise<unknown>): Promise<NetworkErrorKind | 'connected'> {
  try {
    await dial
    return 'connected'
  } catch (error) {
    assert.ok(error instanceof NetworkError)
    return error.kind
  }
}

function connectionsOf(world: World<Peer>, index: number): number {
  return [...world.host(index).networks].reduce((sum, one) => sum + one.connections.size, 0)
}

describe('sim network', () => {
  it('carries frames in order, both ways, whatever is lost on the way', async () => {
    const { world, peer, dial } = makeWorld(2)
    await world.run(async () => {
      await startAll(world)
      const near = await dial(0, 1)
      const far = peer(1).accepted[0] ?? assert.fail('nobody accepted')
      for (const { machine } of world.hosts) {
        for (const other of world.hosts) world.fabric.path(machine, other.machine).loss = 0.2
      }
      const sent = Array.from({ length: 500 }, (_, i) => `frame ${i}`)
      for (const text of sent) near.send(text)
      far.send('back')
      await world.sleep(600_000)
      assert.deepEqual(far.frames, sent)
      assert.deepEqual(near.frames, ['back'])
      assert.equal(near.link.peer, peer(1).network.self)
      assert.equal(far.link.peer, peer(0).network.self)
      assert.ok(far.link.inbound && !near.link.inbound)
    })
  })

  it('says refused, timeout or denied as a kernel and a handshake would', async () => {
    const { world, peer, dial } = makeWorld(4, [7, 7, 8, 7])
    await world.run(async () => {
      await startAll(world)
      for (const { index } of world.hosts) peer(index)
      world.crash(1)
      assert.equal(await refusal(dial(0, 1)), 'refused', 'a dead process on a live machine')
      assert.equal(await refusal(dial(0, 2)), 'denied', 'another network key')
      world.pause(3)
      assert.equal(await refusal(dial(0, 3)), 'timeout', 'a stopped process')
      world.resume(3)
      world.cut(0, 3)
      assert.equal(await refusal(dial(0, 3)), 'timeout', 'a cut path')
      world.heal()
      const elsewhere = peer(0).network.dial(peer(2).network.self, 'gossip', {
        addresses: peer(3).network.addresses(),
        timeoutMs: 5000,
      })
      assert.equal(await refusal(elsewhere), 'denied', 'somebody else answers there')
      const nowhere = peer(0).network.dial(peer(2).network.self, 'gossip', { timeoutMs: 5000 })
      assert.equal(await refusal(nowhere), 'unreachable', 'no address known')
      world.powerLoss(3)
      assert.equal(await refusal(dial(0, 3)), 'timeout', 'a machine without power')
    })
  })

  it('resets links at once when a process dies, and keeps silent when its machine does', async () => {
    const { world, dial } = makeWorld(3)
    await world.run(async () => {
      await startAll(world)
      const [killed, silenced] = [await dial(0, 1), await dial(0, 2)]
      world.crash(1)
      world.powerLoss(2)
      await world.sleep(500)
      assert.equal(killed.closed, 'reset')
      silenced.send('anybody there?')
      await world.sleep(30_000)
      assert.equal(silenced.closed, null)
      await world.sleep(120_000)
      assert.equal(silenced.closed, 'reset', 'the kernel gave up')
    })
  })

  it('tells a peer that a machine came back, as soon as it sends', async () => {
    const { world, dial } = makeWorld(2)
    await world.run(async () => {
      await startAll(world)
      const ear = await dial(0, 1)
      world.powerLoss(1)
      await world.sleep(1000)
      await world.start(1)
      await world.sleep(1000)
      assert.equal(ear.closed, null, 'nothing was sent: nobody knows')
      ear.send('hello?')
      await world.sleep(1000)
      assert.equal(ear.closed, 'reset')
    })
  })

  it('hangs in a cut, in one direction too, and goes on after it', async () => {
    const { world, peer, dial } = makeWorld(2)
    await world.run(async () => {
      await startAll(world)
      const near = await dial(0, 1)
      const far = peer(1).accepted[0] ?? assert.fail()
      world.cutOneWay(0, 1)
      near.send('one')
      far.send('two')
      near.send('three')
      await world.sleep(5000)
      assert.deepEqual(far.frames, [])
      assert.deepEqual(near.frames, ['two'])
      world.heal()
      near.send('four')
      await world.sleep(10_000)
      assert.deepEqual(far.frames, ['one', 'three', 'four'])
      assert.equal(near.closed, null)
    })
  })

  it('keeps the frames of a paused process, and pushes back on who sends to it', async () => {
    const { world, peer, dial } = makeWorld(2)
    await world.run(async () => {
      await startAll(world)
      const near = await dial(0, 1)
      const far = peer(1).accepted[0] ?? assert.fail()
      world.pause(1)
      const big = 'x'.repeat(LINK_BUFFER_BYTES / 4)
      assert.deepEqual(
        [1, 2, 3, 4, 5].map(() => near.send(big)),
        [true, true, true, true, false],
      )
      await world.sleep(10_000)
      assert.equal(far.frames.length, 0)
      assert.equal(near.drains, 0)
      world.resume(1)
      await world.sleep(1000)
      assert.equal(far.frames.length, 5)
      assert.equal(near.drains, 1)
    })
  })

  it('closes for both, after what was sent; aborts as a reset', async () => {
    const { world, peer, dial } = makeWorld(2)
    await world.run(async () => {
      await startAll(world)
      const near = await dial(0, 1)
      near.send('last words')
      near.link.close()
      assert.equal(near.send('too late'), false)
      await world.sleep(100)
      const far = peer(1).accepted[0] ?? assert.fail()
      assert.deepEqual([far.frames, far.closed, near.closed], [['last words'], 'closed', 'closed'])
      const second = await dial(0, 1)
      second.link.abort()
      assert.equal(second.closed, 'reset', 'within the call')
      await world.sleep(100)
      assert.equal(peer(1).accepted[1]?.closed, 'reset')
      const third = await dial(0, 1)
      await world.call(1, async () => peer(1).network.stop())
      await world.sleep(100)
      assert.equal(third.closed, 'reset')
      assert.equal(await refusal(dial(0, 1)), 'refused')
    })
  })

  it('reuses a connection unless a fresh one is asked for, which finds a wedged one', async () => {
    const { world, peer, dial } = makeWorld(2)
    await world.run(async () => {
      await startAll(world)
      await dial(0, 1)
      await dial(0, 1)
      assert.equal(connectionsOf(world, 0), 1)
      await dial(0, 1, { fresh: true })
      assert.equal(connectionsOf(world, 0), 2)
      await world.call(0, async (node) => node?.network.disconnect(peer(1).network.self))
      await world.sleep(100)
      assert.equal(connectionsOf(world, 0), 0)
      assert.equal(connectionsOf(world, 1), 0)
      assert.deepEqual(
        peer(1).accepted.map(({ closed }) => closed),
        ['reset', 'reset', 'reset'],
      )
    })
  })

  it('finds a peer that came back elsewhere, through those that are connected', async () => {
    const { world, peer, dial } = makeWorld(3)
    await world.run(async () => {
      await startAll(world)
      const id = peer(2).network.self
      await dial(0, 1)
      const before = peer(2).network.addresses()
      world.crash(2)
      world.readdress(2)
      await world.start(2)
      assert.notDeepEqual(peer(2).network.addresses(), before)
      assert.deepEqual(await peer(0).network.findPeer(id, 5000), [], 'it knows nobody yet')
      await dial(2, 1)
      const found = await peer(0).network.findPeer(id, 5000)
      assert.deepEqual(found, peer(2).network.addresses())
      const closest = await peer(0).network.closestPeers(new Uint8Array(32), 5000)
      assert.deepEqual(closest.map((each) => each.peer).sort(), [peer(1).network.self, id].sort())
      const where = closest.find((each) => each.peer === id)?.addresses
      assert.deepEqual(where, peer(2).network.addresses())
    })
  })

  it('leaves nothing half open when a dial runs out of time', async () => {
    const { world, peer, dial } = makeWorld(2)
    await world.run(async () => {
      await startAll(world)
      peer(1)
      world.pause(1)
      assert.equal(await refusal(dial(0, 1, { timeoutMs: 500 })), 'timeout')
      world.resume(1)
      await world.sleep(1000)
      assert.equal(connectionsOf(world, 1), 0)
      assert.equal(peer(1).accepted.length, 0)
    })
  })

  it('lets a port be listened on once, and a network be started once', async () => {
    const { world } = makeWorld(1)
    await world.run(async () => {
      await world.start(0)
      const { node, machine, process } = world.host(0)
      assert.ok(node !== null && process !== null)
      const { network } = node
      await assert.rejects(
        network.start(() => undefined),
        NetworkError,
      )
      const second = new SimNetwork(world.fabric, machine, process, {
        privateKeySeed: new Uint8Array(32),
        networkKey: new Uint8Array(32),
        listen: ['/ip4/0.0.0.0/tcp/4410'],
        announce: [],
      })
      const taken = { code: 'ADDRESS_IN_USE' }
      await assert.rejects(
        second.start(() => undefined),
        taken,
      )
    })
  })
})
