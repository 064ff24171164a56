/**
 * A stage for tests of edges: a cluster of two whose members are replaced by others while an edge of it
 * is away, and a beacon: a peer that is in no cluster, and whose Kademlia answers.
 */
import assert from 'node:assert/strict'
import { utf8 } from '../../src/base/bytes.ts'
import { decodeTicket, encodeTicket } from '../../src/mesh/ticket.ts'
import type { AtollNode } from '../../src/node/api.ts'
import { NODE_DEFAULTS } from '../../src/node/config.ts'
import { openNode } from '../../src/node/node.ts'
import type { Network } from '../../src/seams/network.ts'
import type { Seams } from '../../src/seams/seams.ts'
import { SimDisk } from './sim-storage.ts'
import { World } from './world.ts'

export const EDGE = 4
export const BEACON = 5
const LISTEN = ['/ip4/0.0.0.0/tcp/4410']
/** Leads nowhere: nobody can call the edge. */
const NOWHERE = ['/ip4/10.99.99.99/tcp/4410']

interface Machine {
  readonly atoll: AtollNode | null
  /** Of the beacon. */
  readonly network: Network | null
  stop(): Promise<void>
}

export class EdgeStage {
  readonly world: World<Machine>
  #networkKey: Uint8Array = new Uint8Array(32)

  constructor(seed: string, hosts = 6) {
    this.world = new World<Machine>({
      seed,
      hosts,
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
   * A cluster of two, an edge of it that is down, cut off or stopped, and then two others in the place
   * of the two.
   */
  async replaceAll(edge: 'down' | 'cut off' | 'paused'): Promise<void> {
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
    else if (edge === 'paused') world.pause(EDGE)
    else {
      const others = world.hosts.map(({ index }) => index).filter((index) => index !== EDGE)
      world.partition([EDGE], others)
    }

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

  /** Of which a lookup by the beacon names no member. */
  async keyAmongEdges(members: readonly number[]): Promise<string> {
    const ids: string[] = []
    for (const index of members) ids.push((await this.on(index, (node) => node.status())).id)
    return this.world.call(BEACON, async (machine) => {
      for (let i = 0; i < 1000; i++) {
        const key = `k${i}`
        const near = (await machine?.network?.closestPeers(utf8(key), 60_000)) ?? []
        if (near.length > 0 && near.every(({ peer }) => !ids.includes(peer))) return key
      }
      throw new Error('a member is near every key')
    })
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
