/**
 * A connection between two simulated processes, and the links that share it, as streams share a
 * TCP connection: what is lost on one delays all.
 *
 * Each direction is a queue. An arrival event takes the front of the queue, so order holds however
 * arrival times fall. While the path is cut, arrivals are missed instead, and a retransmission
 * timer with doubling delay tries again: after a cut heals, a connection may stay silent for as
 * long as the cut lasted, and beyond `tcpTimeoutMs` the sender's kernel ends it.
 */
import { crc32 } from 'node:zlib'
import { assert, unreachable } from '../../src/base/assert.ts'
import {
  type CloseReason,
  FRAME_BYTES_MAX,
  LINK_BUFFER_BYTES,
  type TrafficClass,
} from '../../src/seams/network.ts'
import { type Fabric, retransmitMs } from './fabric.ts'
import { SimLink } from './sim-link.ts'
import type { SimNetwork } from './sim-network.ts'

/** A sender that goes on after `send` returned false has a bug: nothing bounds its memory. */
const BUFFER_BYTES_HARD_MAX = LINK_BUFFER_BYTES + 4 * FRAME_BYTES_MAX
const CONTROL_BYTES = 64

export type Packet =
  | { readonly kind: 'frame'; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly kind: 'open'; readonly stream: number; readonly trafficClass: TrafficClass }
  | { readonly kind: 'opened' | 'close' | 'abort'; readonly stream: number }

/** One direction of a connection. */
class Pipe {
  readonly queue: Packet[] = []
  /** Arrivals that found the path cut. */
  missed = 0
  lastArrivalUs = 0
  /** Since when nothing was acknowledged; null while all is well. */
  stuckSinceUs: number | null = null
  retries = 0
}

interface Opening {
  readonly trafficClass: TrafficClass
  readonly done: (link: SimLink | null) => void
}

/** One process's side. */
export class SimSocket {
  readonly network: SimNetwork
  readonly links = new Map<number, SimLink>()
  /** Streams asked for and not answered yet. */
  readonly opening = new Map<number, Opening>()
  readonly out = new Pipe()
  /** Arrived at this machine, not yet handled by the process, which may be paused. */
  readonly inbox: Packet[] = []
  open = true

  constructor(network: SimNetwork) {
    this.network = network
  }
}

export class SimConnection {
  readonly #fabric: Fabric
  /** The dialler's side and the other's. */
  readonly sides: readonly [SimSocket, SimSocket]
  #streams = 0

  constructor(fabric: Fabric, dialler: SimNetwork, listener: SimNetwork) {
    this.#fabric = fabric
    this.sides = [new SimSocket(dialler), new SimSocket(listener)]
  }

  socketOf(network: SimNetwork): SimSocket {
    return this.sides[0].network === network ? this.sides[0] : this.sides[1]
  }

  otherOf(socket: SimSocket): SimSocket {
    return this.sides[0] === socket ? this.sides[1] : this.sides[0]
  }

  /** Asks the other side for a stream; `done` gets null when the connection broke first. */
  openStream(
    from: SimSocket,
    trafficClass: TrafficClass,
    done: (link: SimLink | null) => void,
  ): number {
    const stream = ++this.#streams
    from.opening.set(stream, { trafficClass, done })
    this.#send(from, { kind: 'open', stream, trafficClass }, CONTROL_BYTES)
    return stream
  }

  sendFrame(from: SimSocket, link: SimLink, bytes: Uint8Array): boolean {
    link.bufferedBytes += bytes.length
    assert(link.bufferedBytes <= BUFFER_BYTES_HARD_MAX, 'a sender ignores back-pressure')
    this.#send(from, { kind: 'frame', stream: link.stream, bytes }, bytes.length)
    link.full = link.bufferedBytes > LINK_BUFFER_BYTES
    return !link.full
  }

  sendControl(from: SimSocket, kind: 'opened' | 'close' | 'abort', stream: number): void {
    this.#send(from, { kind, stream }, CONTROL_BYTES)
  }

  /** Nobody waits for this stream any more. */
  giveUp(from: SimSocket, stream: number): void {
    from.opening.delete(stream)
  }

  /** The program ends the connection and whatever is on it, at once and within this call. */
  end(from: SimSocket): void {
    if (!from.open) return
    for (const link of from.links.values()) link.abort()
    this.reset(from, 'reset')
  }

  /**
   * The kernel of one side closes its socket: because its process died, because it asked for it,
   * or because it gave up. The other side hears of it if the path lets it.
   */
  reset(from: SimSocket, own: CloseReason): void {
    if (!from.open) return
    this.#shut(from, own)
    this.#sendReset(from)
  }

  #shut(socket: SimSocket, reason: CloseReason): void {
    socket.open = false
    socket.network.forgetConnection(this)
    const opening = [...socket.opening.values()]
    const links = [...socket.links.values()]
    socket.opening.clear()
    socket.links.clear()
    for (const link of links) link.shut()
    socket.network.schedule(() => {
      for (const { done } of opening) done(null)
      for (const link of links) link.end(reason)
    })
  }

  #send(from: SimSocket, packet: Packet, bytes: number): void {
    if (!from.open) return
    from.out.queue.push(packet)
    this.#launch(from, bytes)
  }

  #launch(from: SimSocket, bytes: number): void {
    const { kernel } = this.#fabric
    const to = this.otherOf(from)
    const flightUs = this.#fabric.delayUs(from.network.host, to.network.host, bytes)
    const arrivalUs = Math.max(from.out.lastArrivalUs, Math.ceil(kernel.nowUs + flightUs))
    from.out.lastArrivalUs = arrivalUs
    kernel.schedule(null, arrivalUs - kernel.nowUs, 'path', () => this.#arrive(from), bytes)
  }

  #arrive(from: SimSocket): void {
    if (from.out.queue.length === 0) return
    const to = this.otherOf(from)
    const passes = this.#fabric.passes(from.network.host, to.network.host)
    if (!passes || from.out.missed > 0) {
      this.#miss(from)
      return
    }
    this.#take(from, to)
    if (!this.#fabric.passes(to.network.host, from.network.host)) this.#unacknowledged(from)
  }

  /** The front of the queue reached the other machine's kernel. */
  #take(from: SimSocket, to: SimSocket): void {
    const packet = from.out.queue.shift()
    if (packet === undefined) return
    if (!to.open) {
      this.#sendReset(to)
      return
    }
    to.inbox.push(packet)
    to.network.receive(() => this.#handle(to), packetLabel(packet))
  }

  #miss(from: SimSocket): void {
    from.out.missed++
    this.#unacknowledged(from)
  }

  #unacknowledged(from: SimSocket): void {
    if (from.out.stuckSinceUs !== null) return
    from.out.stuckSinceUs = this.#fabric.kernel.nowUs
    from.out.retries = 0
    this.#scheduleRetry(from)
  }

  #scheduleRetry(from: SimSocket): void {
    const delayUs = retransmitMs(from.out.retries) * 1000
    this.#fabric.kernel.schedule(null, delayUs, 'path', () => this.#retry(from), 1)
  }

  #retry(from: SimSocket): void {
    const { kernel, options } = this.#fabric
    const pipe = from.out
    if (pipe.stuckSinceUs === null || !from.open) return
    const to = this.otherOf(from)
    if (this.#fabric.passes(from.network.host, to.network.host)) {
      for (; pipe.missed > 0; pipe.missed--) this.#take(from, to)
      if (this.#fabric.passes(to.network.host, from.network.host)) {
        pipe.stuckSinceUs = null
        return
      }
    }
    if (kernel.nowUs - pipe.stuckSinceUs > options.tcpTimeoutMs * 1000) {
      this.reset(from, 'reset')
      return
    }
    pipe.retries++
    this.#scheduleRetry(from)
  }

  /** One RST, not retransmitted: lost when the path is cut. */
  #sendReset(from: SimSocket): void {
    const to = this.otherOf(from)
    const hosts = [from.network.host, to.network.host] as const
    if (!to.open || !this.#fabric.passes(...hosts)) return
    const delayUs = this.#fabric.delayUs(...hosts, CONTROL_BYTES)
    this.#fabric.kernel.schedule(
      null,
      delayUs,
      'path',
      () => {
        if (to.open && this.#fabric.passes(...hosts)) this.#shut(to, 'reset')
      },
      2,
    )
  }

  /** The receiving process takes the next packet. */
  #handle(to: SimSocket): void {
    const packet = to.inbox.shift()
    if (packet === undefined || !to.open) return
    const link = to.links.get(packet.stream)
    switch (packet.kind) {
      case 'open': {
        const opened = new SimLink(this, to, packet.stream, packet.trafficClass, true)
        to.links.set(packet.stream, opened)
        this.sendControl(to, 'opened', packet.stream)
        to.network.accept(opened)
        return
      }
      case 'opened': {
        const opening = to.opening.get(packet.stream)
        to.opening.delete(packet.stream)
        // The dial has given up meanwhile: nobody would ever close this stream.
        if (opening === undefined) return this.sendControl(to, 'abort', packet.stream)
        const opened = new SimLink(this, to, packet.stream, opening.trafficClass, false)
        to.links.set(packet.stream, opened)
        opening.done(opened)
        return
      }
      case 'frame':
        this.#delivered(to, packet.stream, packet.bytes.length)
        link?.deliver(packet.bytes)
        return
      case 'close':
      case 'abort':
        to.links.delete(packet.stream)
        link?.end(packet.kind === 'close' ? 'closed' : 'reset')
        return
      default:
        unreachable(packet)
    }
  }

  /** The bytes have left the sender's buffer. */
  #delivered(to: SimSocket, stream: number, bytes: number): void {
    const from = this.otherOf(to)
    const link = from.links.get(stream)
    if (link === undefined) return
    link.bufferedBytes -= bytes
    if (!link.full || link.bufferedBytes > LINK_BUFFER_BYTES / 2) return
    link.full = false
    from.network.schedule(() => link.drained())
  }
}

/** What tells two packets apart in the trace. */
function packetLabel(packet: Packet): number {
  return packet.kind === 'frame' ? crc32(packet.bytes) : packet.stream
}
