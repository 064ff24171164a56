/** A peer that speaks frames, not the mesh: for what no honest peer does. */
import { encodeHello, type SelfFacts } from '../../src/mesh/hello.ts'
import type { Link, TrafficClass } from '../../src/seams/network.ts'
import { SimNetwork } from '../sim/sim-network.ts'
import { type Machine, NETWORK_KEY, type World } from './world.ts'

export class RawLink {
  readonly link: Link
  readonly frames: Uint8Array[] = []
  closed: string | null = null

  constructor(link: Link) {
    this.link = link
    link.open({
      onFrame: (frame) => this.frames.push(frame),
      onDrain: () => undefined,
      onClose: (reason) => {
        this.closed = reason
      },
    })
  }

  get tags(): number[] {
    return this.frames.map((frame) => frame[0] ?? -1)
  }
}

export class RawPeer {
  readonly world: World
  readonly machine: Machine
  readonly network: SimNetwork
  /** Links that others opened. */
  readonly accepted: RawLink[] = []

  constructor(world: World, machine: Machine) {
    this.world = world
    this.machine = machine
    this.network = new SimNetwork(world.fabric, machine.host, world.kernel.spawn('raw'), {
      privateKeySeed: machine.privateKeySeed,
      networkKey: NETWORK_KEY,
      listen: [world.addressOf(machine)],
      announce: [],
    })
  }

  async start(): Promise<this> {
    await this.network.start((link) => this.accepted.push(new RawLink(link)))
    return this
  }

  async dial(to: Machine, trafficClass: TrafficClass = 'request'): Promise<RawLink> {
    const addresses = [this.world.addressOf(to)]
    return new RawLink(
      await this.network.dial(to.peer, trafficClass, { addresses, timeoutMs: 1000 }),
    )
  }

  hello(change: Partial<SelfFacts> = {}): Uint8Array {
    const facts = this.world.facts(this.machine)
    return encodeHello({ ...facts, boot: 1, ...change }, [])
  }

  /** A link that has said a good hello and got one. */
  async greeted(to: Machine, trafficClass: TrafficClass = 'request'): Promise<RawLink> {
    const raw = await this.dial(to, trafficClass)
    raw.link.send(this.hello())
    await this.world.until(() => raw.frames.length > 0, 'a hello')
    raw.frames.length = 0
    return raw
  }
}
