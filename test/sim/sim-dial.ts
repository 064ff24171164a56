/**
 * One dial: TCP's handshake, then the cryptographic one, then a stream; or the reason why not.
 *
 * All addresses are tried at once, and the first that leads to the peer wins. `refused` is said
 * only when every address refused, since it counts as proof that the process is gone.
 */
import type { PeerId } from '../../src/base/ids.ts'
import {
  type DialOptions,
  type Link,
  NetworkError,
  type NetworkErrorKind,
  type TrafficClass,
} from '../../src/seams/network.ts'
import type { SimEvent } from './event-heap.ts'
import type { Fabric, SimHost } from './fabric.ts'
import { parseAddress } from './sim-address.ts'
import { SimConnection } from './sim-connection.ts'
import type { SimNetwork } from './sim-network.ts'

/** Linux sends a lost SYN again after 1 s, then after twice as long each time. */
const SYN_RETRY_MS = 1000
const HANDSHAKE_BYTES = 512

export interface Target {
  readonly peer: PeerId
  readonly trafficClass: TrafficClass
  readonly options: DialOptions
}

export class SimDial {
  readonly #fabric: Fabric
  readonly #network: SimNetwork
  readonly #target: Target
  readonly #resolve: (link: Link) => void
  readonly #reject: (error: NetworkError) => void
  readonly #outcomes: NetworkErrorKind[] = []
  /** Connections that the listener has accepted and this side has not heard of yet. */
  readonly #halves = new Set<SimConnection>()
  #timer: SimEvent | null = null
  #stream: { readonly connection: SimConnection; readonly id: number } | null = null
  #settled = false

  constructor(
    fabric: Fabric,
    network: SimNetwork,
    target: Target,
    resolve: (link: Link) => void,
    reject: (error: NetworkError) => void,
  ) {
    this.#fabric = fabric
    this.#network = network
    this.#target = target
    this.#resolve = resolve
    this.#reject = reject
  }

  start(addresses: readonly string[]): void {
    const { kernel } = this.#fabric
    const timeoutUs = this.#target.options.timeoutMs * 1000
    this.#timer = kernel.schedule(this.#network.process, timeoutUs, 'link', () => {
      this.#fail('timeout')
    })
    const { peer, options } = this.#target
    const open = options.fresh ? undefined : this.#network.connectionTo(peer)
    if (open !== undefined) {
      this.#openStream(open)
    } else if (addresses.length === 0) {
      this.#network.schedule(() => this.#fail('unreachable'))
    } else {
      for (const address of addresses) this.#tryAddress(address, addresses.length)
    }
  }

  /** The node stops. */
  stop(): void {
    this.#fail('stopped')
  }

  /** Ends it without a word; for a process that died as well. */
  abandon(): void {
    this.#settled = true
    if (this.#timer !== null) this.#fabric.kernel.cancel(this.#timer)
    for (const half of this.#halves) half.reset(half.socketOf(this.#network), 'reset')
    if (this.#stream !== null) {
      const { connection, id } = this.#stream
      connection.giveUp(connection.socketOf(this.#network), id)
    }
    this.#network.forgetDial(this)
  }

  #tryAddress(address: string, of: number): void {
    const here = this.#network.host
    const place = parseAddress(address)
    const there = place === null ? undefined : this.#fabric.hostAt(place.ip)
    if (place === null || there === undefined) {
      this.#network.schedule(() => this.#lost('unreachable', of))
      return
    }
    this.#leg(here, there, () => {
      const listener = there.listeners.get(place.port)
      if (listener === undefined) {
        this.#leg(there, here, () => this.#network.schedule(() => this.#lost('refused', of)))
        return
      }
      this.#leg(there, here, () => {
        this.#leg(here, there, () => this.#shakeHands(listener, of))
      })
    })
  }

  /** The listening process must act: one that is stopped leaves the dial without an answer. */
  #shakeHands(listener: SimNetwork, of: number): void {
    const here = this.#network.host
    const there = listener.host
    if (!listener.up) {
      this.#leg(there, here, () => this.#network.schedule(() => this.#lost('unreachable', of)))
      return
    }
    listener.schedule(() => {
      if (this.#settled) return
      if (listener.self !== this.#target.peer || !listener.sharesKeyWith(this.#network)) {
        this.#leg(there, here, () => this.#network.schedule(() => this.#lost('denied', of)))
        return
      }
      const connection = new SimConnection(this.#fabric, this.#network, listener)
      listener.addConnection(connection)
      this.#halves.add(connection)
      this.#leg(there, here, () => {
        this.#network.schedule(() => this.#connected(connection))
      })
    })
  }

  /** Another address may have been quicker; a second connection does no harm. */
  #connected(connection: SimConnection): void {
    if (this.#settled || !connection.socketOf(this.#network).open) return
    this.#halves.delete(connection)
    this.#network.addConnection(connection)
    if (this.#stream === null) this.#openStream(connection)
  }

  #openStream(connection: SimConnection): void {
    const socket = connection.socketOf(this.#network)
    const id = connection.openStream(socket, this.#target.trafficClass, (link) => {
      if (link === null) this.#fail('unreachable')
      else this.#succeed(link)
    })
    this.#stream = { connection, id }
  }

  /** A packet that is sent until it arrives or the dial is over. */
  #leg(from: SimHost, to: SimHost, then: () => void, attempt = 0): void {
    if (this.#settled) return
    const { kernel } = this.#fabric
    const again = (): void => {
      const delayUs = SYN_RETRY_MS * 1000 * 2 ** attempt
      kernel.schedule(null, delayUs, 'path', () => this.#leg(from, to, then, attempt + 1), 3)
    }
    if (!this.#fabric.passes(from, to)) return again()
    const delayUs = this.#fabric.delayUs(from, to, HANDSHAKE_BYTES)
    kernel.schedule(
      null,
      delayUs,
      'path',
      () => {
        if (this.#settled) return
        if (this.#fabric.passes(from, to)) then()
        else again()
      },
      4,
    )
  }

  #lost(kind: NetworkErrorKind, of: number): void {
    this.#outcomes.push(kind)
    if (this.#outcomes.length < of) return
    const worst = (['denied', 'timeout', 'unreachable', 'refused'] as const).find((one) =>
      this.#outcomes.includes(one),
    )
    this.#fail(worst ?? 'unreachable')
  }

  #succeed(link: Link): void {
    if (this.#settled) return link.abort()
    this.abandon()
    this.#resolve(link)
  }

  #fail(kind: NetworkErrorKind): void {
    if (this.#settled) return
    this.abandon()
    this.#reject(new NetworkError(kind, `dial ${this.#target.peer}: ${kind}`))
  }
}
