/** The network seam of one simulated process (see fabric.ts for what the world does to it). */
import { AtollError } from '../../src/base/errors.ts'
import {
  ed25519FromSeed,
  ed25519PublicBytes,
  type PeerId,
  peerIdFromPublicKey,
} from '../../src/base/ids.ts'
import {
  type AddressTrial,
  type DialOptions,
  type FoundPeer,
  type Link,
  type Network,
  type NetworkConfig,
  NetworkError,
  type TrafficClass,
} from '../../src/seams/network.ts'
import type { Fabric, SimHost } from './fabric.ts'
import type { SimProcess } from './process.ts'
import { formatAddress, type Place, parseAddress } from './sim-address.ts'
import type { SimConnection } from './sim-connection.ts'
import { closestPeers, findPeer } from './sim-dht.ts'
import { SimDial } from './sim-dial.ts'
import type { SimLink } from './sim-link.ts'
import { tryInWorld } from './sim-trial.ts'

const ADDRESSES_PER_PEER_MAX = 16
const EPHEMERAL_PORT_MIN = 32768
const START_US = 500

export class SimNetwork implements Network {
  readonly self: PeerId
  readonly host: SimHost
  readonly process: SimProcess
  readonly #fabric: Fabric
  readonly #config: NetworkConfig
  readonly #connections = new Set<SimConnection>()
  readonly #dials = new Set<SimDial>()
  readonly #known = new Map<PeerId, readonly string[]>()
  #places: readonly Place[] = []
  #onLink: ((link: Link) => void) | null = null
  #state: 'new' | 'up' | 'stopped' = 'new'

  constructor(fabric: Fabric, host: SimHost, process: SimProcess, config: NetworkConfig) {
    this.#fabric = fabric
    this.host = host
    this.process = process
    this.#config = config
    const key = ed25519PublicBytes(ed25519FromSeed(config.privateKeySeed))
    this.self = peerIdFromPublicKey(key)
  }

  get up(): boolean {
    return this.#state === 'up' && this.process.alive
  }

  get connections(): ReadonlySet<SimConnection> {
    return this.#connections
  }

  async start(onLink: (link: Link) => void): Promise<void> {
    if (this.#state !== 'new') throw new NetworkError('stopped', 'a network starts once')
    const places = this.#config.listen.map((address) => this.#placeOf(address))
    const { listeners } = this.host
    for (const { port } of places) {
      if (!listeners.has(port)) continue
      throw new AtollError('ADDRESS_IN_USE', `port ${port} of ${this.host.name} is taken`)
    }
    for (const { port } of places) listeners.set(port, this)
    this.#places = places
    this.#onLink = onLink
    this.#state = 'up'
    this.#fabric.add(this)
    await new Promise<void>((resolve) => {
      this.schedule(resolve, START_US)
    })
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return
    const wasUp = this.#state === 'up'
    this.#state = 'stopped'
    for (const dial of this.#dials) dial.stop()
    for (const connection of this.#connections) connection.end(connection.socketOf(this))
    this.#unlisten()
    if (!wasUp) return
    await new Promise<void>((resolve) => {
      this.schedule(resolve, START_US)
    })
  }

  /** The process is gone: its machine's kernel closes what it had open. */
  crash(): void {
    for (const dial of this.#dials) dial.abandon()
    this.#dials.clear()
    for (const connection of this.#connections) {
      connection.reset(connection.socketOf(this), 'reset')
    }
    this.#state = 'stopped'
    this.#unlisten()
  }

  addresses(): readonly string[] {
    if (this.#config.announce.length > 0) return this.#config.announce
    return this.#places.map(formatAddress)
  }

  learnAddresses(peer: PeerId, addresses: readonly string[]): void {
    const known = this.#known.get(peer) ?? []
    const merged = [...new Set([...addresses, ...known])].slice(0, ADDRESSES_PER_PEER_MAX)
    this.#known.set(peer, merged)
  }

  dial(peer: PeerId, trafficClass: TrafficClass, options: DialOptions): Promise<Link> {
    return new Promise((resolve, reject) => {
      if (!this.up) return reject(new NetworkError('stopped', 'this network is not up'))
      if (peer === this.self) return reject(new NetworkError('unreachable', 'that is this node'))
      const addresses = [...(options.addresses ?? []), ...(this.#known.get(peer) ?? [])]
      const target = { peer, trafficClass, options }
      const dial = new SimDial(this.#fabric, this, target, resolve, reject)
      this.#dials.add(dial)
      dial.start([...new Set(addresses.map(withoutPeer))])
    })
  }

  async tryAddresses(peer: PeerId, timeoutMs: number): Promise<AddressTrial> {
    if (!this.up) return 'unreachable'
    const addresses = (this.#known.get(peer) ?? []).map(withoutPeer)
    return tryInWorld(this.#fabric, this, [...new Set(addresses)], timeoutMs)
  }

  disconnect(peer: PeerId): void {
    for (const connection of this.#connections) {
      const socket = connection.socketOf(this)
      if (connection.otherOf(socket).network.self === peer) connection.end(socket)
    }
  }

  findPeer(peer: PeerId, timeoutMs: number): Promise<readonly string[]> {
    return findPeer(this.#fabric, this, peer, timeoutMs)
  }

  closestPeers(key: Uint8Array, timeoutMs: number): Promise<readonly FoundPeer[]> {
    return closestPeers(this.#fabric, this, key, timeoutMs)
  }

  // What follows is for the other parts of the simulated network.

  sharesKeyWith(other: SimNetwork): boolean {
    return Buffer.from(this.#config.networkKey).equals(other.#config.networkKey)
  }

  connectionTo(peer: PeerId): SimConnection | undefined {
    for (const connection of this.#connections) {
      const socket = connection.socketOf(this)
      if (socket.open && connection.otherOf(socket).network.self === peer) return connection
    }
    return undefined
  }

  addConnection(connection: SimConnection): void {
    this.#connections.add(connection)
  }

  forgetConnection(connection: SimConnection): void {
    this.#connections.delete(connection)
  }

  forgetDial(dial: SimDial): void {
    this.#dials.delete(dial)
  }

  /** A link that another peer opened. */
  accept(link: SimLink): void {
    if (this.#state === 'up') this.#onLink?.(link)
    else link.abort()
  }

  /** In this process, in an event of its own. */
  schedule(run: () => void, delayUs = 0): void {
    this.#fabric.kernel.schedule(this.process, delayUs, 'link', run)
  }

  /** In this process, as part of the world's event that brought a packet. */
  receive(run: () => void, label: number): void {
    this.#fabric.kernel.runIn(this.process, 'frame', run, label)
  }

  #placeOf(address: string): Place {
    const place = parseAddress(address)
    if (place === null) throw new AtollError('CONFIG_INVALID', `cannot listen on ${address}`)
    let { port } = place
    for (let next = EPHEMERAL_PORT_MIN; port === 0; next++) {
      if (!this.host.listeners.has(next)) port = next
    }
    return { ip: this.host.ip, port }
  }

  #unlisten(): void {
    const { listeners } = this.host
    for (const [port, network] of listeners) if (network === this) listeners.delete(port)
    this.#fabric.remove(this)
  }
}

function withoutPeer(address: string): string {
  const place = parseAddress(address)
  return place === null ? address : formatAddress(place)
}
