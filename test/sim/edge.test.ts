/**
 * An edge that was away while every member was replaced: of all that it knew only a peer is left that
 * is in no cluster, and whose Kademlia answers. The first call finds the replicas of its key through
 * it, once; nothing else is ever looked up.
 */
import assert from 'node:assert/strict'
import type { AtollNode } from '../../src/node/api.ts'
import { NODE_DEFAULTS } from '../../src/node/config.ts'
import { openNode } from '../../src/node/node.ts'
import { decodeTicket, encodeTicket } from '../../src/mesh/ticket.ts'
import type { Network } from '../../src/seams/network.ts'
import type { Seams } from '../../src/seams/seams.ts'
import { EDGE_CALLS, lookupsOf } from '../node/edge-calls.ts'
import { SimDisk } from './sim-storage.ts'
import { World } from './world.ts'

const EDGE = 4
const BEACON = 5
const LISTEN = ['/ip4/0.0.0.0/tcp/4410']
/** Leads nowhere: nobody can call the edge. */
const NOWHERE = ['/ip4/10.99.99.99/tcp/4410']

interface Machine {
  readonly atoll: AtollNode | null
  /** Of the beacon. */
  readonly network: Network | null
  stop(): Promise<void>
}

class Stage {
  readonly world: World<Machine>
  #networkKey: Uint8Array = new Uint8Array(32)

  constructor(seed: string) {
    this.world = new World<Machine>({
      seed,
      hosts: 6,
      program: {
        start: (seams, { index, name }) =>
          index === BEACON ? this.#startBeacon(seams) : startNode(seams, index, name),
        stop: (machine) => machine.stop(),
      },
      disk: (_name, random) => new SimDisk(random),
    })
  }

  async #startBeacon(seams: Seams): Promise<Machine> {
    const network = seams.network({
      privateKeySeed: new Uint8Array(32).fill(9),
      networkKey: this.#networkKey,
      listen: LISTEN,
      announce: [],
    })
    // It says nothing on any link.
    const silent = { onFrame: () => {}, onDrain: () => {}, onClose: () => {} }
    await network.start((link) => link.open(silent))
    return { atoll: null, network, stop: () => network.stop() }
  }

  on<T>(index: number, run: (node: AtollNode) => Promise<T>): Promise<T> {
    return this.world.call(index, (machine) => {
      assert.ok(machine?.atoll)
      return run(machine.atoll)
    })
  }

  async join(index: number, by: number): Promise<void> {
    const { ticket } = await this.on(by, (node) => node.ticket.create())
    await this.world.start(index)
    await this.on(index, (node) => node.join(ticket))
  }

  /** These hold all data, and nothing moves. */
  async settled(members: readonly number[]): Promise<void> {
    await this.world.until(`${members.join()} hold all`, 300_000, async () => {
      const [first = 0] = members
      const shown = await this.on(first, (node) => node.topology.show())
      const isStill = shown.partitions.every(({ previous, replicas }) => {
        return previous === null && replicas.length === Math.min(members.length, 2)
      })
      return shown.members.length === members.length && isStill
    })
  }

  /**
   * A cluster of two, an edge of it that is down, or cut off, and then two others in the place of the
   * two.
   */
  async replaceAll(edge: 'down' | 'cut off'): Promise<void> {
    const { world } = this
    await world.start(0)
    await this.on(0, (node) => node.init())
    await this.join(1, 0)
    await this.settled([0, 1])
    await this.on(0, (node) => node.kv.put('color', 'blue', { write: 'all' }))
    await this.on(0, (node) => node.reg.set('cfg', 'v1'))

    const { ticket } = await this.on(0, (node) => node.ticket.create({ role: 'edge' }))
    const plain = decodeTicket(ticket)
    this.#networkKey = plain.networkKey
    const beacon = (await world.start(BEACON)).network
    assert.ok(beacon)
    const contact = { peer: beacon.self, addresses: beacon.addresses() }
    const named = encodeTicket({ ...plain, contacts: [...plain.contacts, contact] })
    await world.start(EDGE)
    await this.on(EDGE, (node) => node.join(named))
    assert.equal((await this.on(EDGE, (node) => node.kv.get('color')))?.value, 'blue')
    if (edge === 'down') await world.stop(EDGE)
    else world.partition([EDGE], [0, 1, 2, 3, BEACON])

    for (const index of [2, 3]) await this.join(index, 0)
    await this.settled([0, 1, 2, 3])
    for (const index of [0, 1]) {
      await this.on(index, (node) => node.leave())
      await world.stop(index)
    }
    await this.settled([2, 3])
    for (const index of [2, 3]) {
      const { id, addresses } = await this.on(index, (node) => node.status())
      await world.call(BEACON, async (machine) => {
        await machine?.network?.dial(id, 'gossip', { addresses, timeoutMs: 5000 })
      })
    }
  }

  /** Everything ends in order, and leaves nothing behind. */
  async end(): Promise<void> {
    for (const { index } of this.world.hosts) await this.world.stop(index)
  }
}

async function startNode(seams: Seams, index: number, name: string): Promise<Machine> {
  const node = await openNode(
    {
      ...NODE_DEFAULTS,
      name,
      partitions: 8,
      replicationFactor: 2,
      dataDir: '/data',
      listen: LISTEN,
      announce: index === EDGE ? NOWHERE : [],
    },
    seams,
  )
  await node.start()
  return { atoll: node, network: null, stop: () => node.stop() }
}

describe('an edge in the simulator', () => {
  for (const seed of ['edge 1', 'edge 2', 'edge 3']) {
    it(`finds its cluster when all that it knew have left it (seed ${seed})`, async () => {
      const stage = new Stage(seed)
      const { world } = stage
      await world.run(async () => {
        await stage.replaceAll('down')
        await world.start(EDGE)
        await assert.rejects(
          stage.on(EDGE, (node) => node.topology.show()),
          { code: 'NO_QUORUM' },
        )
        assert.equal(await stage.on(EDGE, lookupsOf), 0)
        const [read, register] = await Promise.all([
          stage.on(EDGE, (node) => node.kv.get('color')),
          stage.on(EDGE, (node) => node.reg.get('cfg')),
        ])
        assert.deepEqual([read?.value, read?.partial, register?.value], ['blue', false, 'v1'])
        assert.equal(await stage.on(EDGE, lookupsOf), 1)
        for (const [name, call] of EDGE_CALLS) {
          const made = stage.on(EDGE, call)
          await made.catch((error: unknown) => {
            throw new Error(name, { cause: error })
          })
        }
        await world.sleep(60_000)
        for (let i = 0; i < 50; i++) await stage.on(EDGE, (node) => node.kv.put(`k${i}`, i))
        assert.equal(await stage.on(EDGE, lookupsOf), 1)
        await stage.end()
      })
    })
  }

  it('finds it with an old topology too, once all members of that are down', async () => {
    const stage = new Stage('edge of old')
    const { world } = stage
    await world.run(async () => {
      await stage.replaceAll('cut off')
      const namesOf = async (): Promise<string> => {
        const { members } = await stage.on(EDGE, (node) => node.topology.show())
        return members.map(({ name }) => name).join()
      }
      assert.equal(await namesOf(), 'n0,n1')
      world.heal()
      // It meets the beacon again, which tells it nothing of itself.
      await world.sleep(60_000)
      assert.equal(await namesOf(), 'n0,n1')
      assert.equal(await stage.on(EDGE, lookupsOf), 0)
      const read = await stage.on(EDGE, (node) => node.kv.get('color'))
      assert.deepEqual([read?.value, read?.partial], ['blue', false])
      assert.equal(await namesOf(), 'n2,n3')
      assert.equal(await stage.on(EDGE, lookupsOf), 1)
      await stage.end()
    })
  })

  it('says that it knows nobody where nobody can be found', async () => {
    const stage = new Stage('edge alone')
    const { world } = stage
    await world.run(async () => {
      await stage.replaceAll('down')
      await world.stop(BEACON)
      await world.start(EDGE)
      const startMs = world.kernel.nowMs
      const calls = Array.from({ length: 20 }, () => stage.on(EDGE, (node) => node.kv.get('color')))
      const ends = await Promise.allSettled(calls)
      assert.ok(ends.every(({ status }) => status === 'rejected'))
      assert.ok(world.kernel.nowMs - startMs < 2000)
      assert.equal(await stage.on(EDGE, lookupsOf), 1)
      await stage.end()
    })
  })
})
