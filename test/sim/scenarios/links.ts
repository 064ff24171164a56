/**
 * The network alone, under every fault: frames arrive in order and at most once on each link, a
 * link closes once, and when the faults stop everybody reaches everybody again.
 */
import { assert } from '../../../src/base/assert.ts'
import type { PeerId } from '../../../src/base/ids.ts'
import type { Clock } from '../../../src/seams/clock.ts'
import { type Link, type Network, NetworkError } from '../../../src/seams/network.ts'
import type { Random } from '../../../src/seams/random.ts'
import { Faults, swarm } from '../faults.ts'
import type { Scenario, ScenarioContext, ScenarioReport } from '../scenario.ts'
import { noDisk } from '../no-disk.ts'
import { SimRandom } from '../sim-random.ts'
import { type Program, World } from '../world.ts'

const DURATION_MS = 60_000
const TICK_MS = 50

/** Dials random peers and sends numbered frames. */
class Chatter {
  readonly network: Network
  readonly #clock: Clock
  readonly #random: Random
  readonly #peers: () => readonly (readonly [PeerId, readonly string[]])[]
  readonly #outbound = new Map<PeerId, { readonly link: Link; sent: number }>()
  readonly #dialling = new Set<PeerId>()
  readonly heardFrom = new Map<PeerId, number>()
  received = 0
  #stopped = false

  constructor(
    network: Network,
    clock: Clock,
    random: Random,
    peers: () => readonly (readonly [PeerId, readonly string[]])[],
  ) {
    this.network = network
    this.#clock = clock
    this.#random = random
    this.#peers = peers
  }

  async start(): Promise<void> {
    await this.network.start((link) => this.#accept(link))
    this.#tick()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.network.stop()
  }

  #tick(): void {
    if (this.#stopped) return
    this.#clock.after(TICK_MS, () => this.#tick())
    const others = this.#peers().filter(([peer]) => peer !== this.network.self)
    const target = others[this.#random.int(Math.max(1, others.length))]
    if (target === undefined) return
    const [peer, addresses] = target
    const open = this.#outbound.get(peer)
    if (open === undefined) this.#dial(peer, addresses)
    else open.link.send(numbered(open.sent++))
  }

  #dial(peer: PeerId, addresses: readonly string[]): void {
    if (this.#dialling.has(peer)) return
    this.#dialling.add(peer)
    this.network
      .dial(peer, 'gossip', { addresses, timeoutMs: 3000 })
      .then(
        (link) => this.#use(link),
        (error: unknown) =>
          assert(error instanceof NetworkError, `dial rejects with ${String(error)}`),
      )
      .finally(() => this.#dialling.delete(peer))
      .catch((error: unknown) => this.#clock.soon(() => raise(error)))
  }

  #use(link: Link): void {
    this.#outbound.set(link.peer, { link, sent: 0 })
    let closed = false
    link.open({
      onFrame: () => raise(new Error('nobody answers in this play')),
      onDrain: () => undefined,
      onClose: () => {
        assert(!closed, 'a link closed twice')
        closed = true
        if (this.#outbound.get(link.peer)?.link === link) this.#outbound.delete(link.peer)
      },
    })
  }

  #accept(link: Link): void {
    let expected = 0
    let closed = false
    link.open({
      onFrame: (frame) => {
        assert(!closed, 'a frame came after the close')
        const number = new DataView(frame.buffer, frame.byteOffset).getUint32(0)
        assert(number === expected, `frame ${number} came where ${expected} was due`)
        expected++
        this.received++
        this.heardFrom.set(link.peer, this.#clock.monotonicMs())
      },
      onDrain: () => undefined,
      onClose: () => {
        assert(!closed, 'a link closed twice')
        closed = true
      },
    })
  }
}

export const links: Scenario = {
  name: 'links',
  about: 'the network alone: order, at most once, and recovery, under all faults of the network',
  async run(context: ScenarioContext): Promise<ScenarioReport> {
    const random = new SimRandom(context.seed).fork('scenario')
    const world = makeWorld(context, 3 + random.int(5))
    context.onFailure(() => world.log.lines(60))
    const faults = new Faults(world, world.random.fork('faults'), {
      kinds: swarm(random),
      gapMs: random.between(300, 3000),
      downMax: world.hosts.length - 1,
    })
    await world.run(async () => {
      for (const { index } of world.hosts) await world.start(index)
      faults.run().catch((error: unknown) => world.kernel.fail(error))
      await world.sleep(DURATION_MS)
      await faults.stop()
      await world.sleep(1000)
      const healedAt = world.hosts.map(({ node }) => new Map(node?.heardFrom))
      await world.until('everybody hears from everybody again', 300_000, () => {
        return world.hosts.every(({ node }, index) =>
          world.hosts.every(({ node: other }) => {
            const peer = other?.network.self ?? ''
            const last = node?.heardFrom.get(peer)
            return node === other || (last !== undefined && last !== healedAt[index]?.get(peer))
          }),
        )
      })
      for (const { index } of world.hosts) await world.call(index, async (node) => node?.stop())
    })
    return {
      traceHash: world.kernel.traceHash,
      events: world.kernel.events,
      simulatedMs: world.kernel.nowMs,
      operations: 0,
      faults: faults.total,
      notes: `hosts ${world.hosts.length}`,
    }
  },
}

function makeWorld(context: ScenarioContext, hosts: number): World<Chatter> {
  const peers = new Map<PeerId, readonly string[]>()
  const program: Program<Chatter> = {
    async start(seams, { index }) {
      const network = seams.network({
        privateKeySeed: new Uint8Array(32).fill(index + 1),
        networkKey: new Uint8Array(32),
        listen: ['/ip4/0.0.0.0/tcp/4410'],
        announce: [],
      })
      const chatter = new Chatter(network, seams.clock, seams.random, () => [...peers])
      await chatter.start()
      peers.set(network.self, network.addresses())
      return chatter
    },
    stop: (chatter) => chatter.stop(),
  }
  const kernel = { trace: context.trace, limitMs: 3_600_000 }
  return new World({ seed: context.seed, hosts, program, disk: () => noDisk, kernel })
}

function numbered(number: number): Uint8Array {
  const frame = new Uint8Array(16)
  new DataView(frame.buffer).setUint32(0, number)
  return frame
}

function raise(error: unknown): never {
  throw error
}
