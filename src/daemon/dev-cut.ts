/**
 * A network that can be cut off as a whole, for `atoll dev cut`: a daemon of a throw-away mesh has
 * it, no other. While cut, nothing arrives, what is sent is lost without a sign, and dials hang
 * until their time-out, as when a cable is pulled.
 *
 * Links that were open during a cut are aborted when it heals: they may have lost frames from
 * their middle, which a link never does.
 */
import type { PeerId } from '../base/ids.ts'
import { sleep, type Clock } from '../seams/clock.ts'
import {
  type AddressTrial,
  type CloseReason,
  type DialOptions,
  type FoundPeer,
  type Link,
  type LinkHandler,
  type Network,
  NetworkError,
  type TrafficClass,
} from '../seams/network.ts'
import type { Seams } from '../seams/seams.ts'

/** One switch for all networks that a process makes. */
export class Cable {
  /** Links open now, inbound and outbound. */
  readonly #links = new Set<CuttableLink>()
  #cut = false

  get isCut(): boolean {
    return this.#cut
  }

  cut(): void {
    this.#cut = true
  }

  heal(): void {
    if (!this.#cut) return
    this.#cut = false
    for (const link of this.#links) link.abort()
  }

  add(link: CuttableLink): CuttableLink {
    this.#links.add(link)
    return link
  }

  remove(link: CuttableLink): void {
    this.#links.delete(link)
  }
}

/** The same seams, with every network behind the cable. */
export function withCable(seams: Seams, cable: Cable): Seams {
  const { clock } = seams
  return { ...seams, network: (config) => new CuttableNetwork(seams.network(config), cable, clock) }
}

class CuttableNetwork implements Network {
  readonly #network: Network
  readonly #cable: Cable
  readonly #clock: Clock

  constructor(network: Network, cable: Cable, clock: Clock) {
    this.#network = network
    this.#cable = cable
    this.#clock = clock
  }

  get self(): PeerId {
    return this.#network.self
  }

  start(onLink: (link: Link) => void): Promise<void> {
    return this.#network.start((link) => onLink(this.#wrap(link)))
  }

  stop(): Promise<void> {
    return this.#network.stop()
  }

  addresses(): readonly string[] {
    return this.#network.addresses()
  }

  learnAddresses(peer: PeerId, addresses: readonly string[]): void {
    this.#network.learnAddresses(peer, addresses)
  }

  async dial(peer: PeerId, trafficClass: TrafficClass, options: DialOptions): Promise<Link> {
    if (this.#cable.isCut) await this.#hang(options.timeoutMs)
    const link = await this.#network.dial(peer, trafficClass, options)
    return this.#wrap(link)
  }

  async tryAddresses(peer: PeerId, timeoutMs: number): Promise<AddressTrial> {
    if (!this.#cable.isCut) return await this.#network.tryAddresses(peer, timeoutMs)
    await sleep(this.#clock, timeoutMs)
    return 'timeout'
  }

  disconnect(peer: PeerId): void {
    this.#network.disconnect(peer)
  }

  async findPeer(peer: PeerId, timeoutMs: number): Promise<readonly string[]> {
    if (this.#cable.isCut) return []
    return await this.#network.findPeer(peer, timeoutMs)
  }

  async closestPeers(key: Uint8Array, timeoutMs: number): Promise<readonly FoundPeer[]> {
    if (this.#cable.isCut) return []
    return await this.#network.closestPeers(key, timeoutMs)
  }

  async #hang(timeoutMs: number): Promise<never> {
    await sleep(this.#clock, timeoutMs)
    throw new NetworkError('timeout', 'no answer')
  }

  #wrap(link: Link): Link {
    return this.#cable.add(new CuttableLink(link, this.#cable))
  }
}

class CuttableLink implements Link {
  readonly #link: Link
  readonly #cable: Cable

  constructor(link: Link, cable: Cable) {
    this.#link = link
    this.#cable = cable
  }

  get peer(): PeerId {
    return this.#link.peer
  }

  get trafficClass(): TrafficClass {
    return this.#link.trafficClass
  }

  get inbound(): boolean {
    return this.#link.inbound
  }

  open(handler: LinkHandler): void {
    this.#link.open({
      onFrame: (frame) => {
        if (!this.#cable.isCut) handler.onFrame(frame)
      },
      onDrain: () => handler.onDrain(),
      onClose: (reason: CloseReason) => {
        this.#cable.remove(this)
        handler.onClose(reason)
      },
    })
  }

  send(frame: Uint8Array): boolean {
    return this.#cable.isCut ? true : this.#link.send(frame)
  }

  close(): void {
    this.#link.close()
  }

  abort(): void {
    this.#cable.remove(this)
    this.#link.abort()
  }
}
