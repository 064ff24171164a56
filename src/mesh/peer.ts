/**
 * One peer: its lines, when it may be dialled, and what its connections say about it.
 *
 * The back-off belongs to the peer, not to a line: three lines to a dead peer dial no more often
 * than one. While it lasts a request fails at once rather than wait for a dial that most likely
 * fails; the dial is made all the same when it is over, because somebody wanted it.
 */
import { AtollError, type ErrorCode } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { Clock, Timer } from '../seams/clock.ts'
import {
  type Link,
  type Network,
  NetworkError,
  type NetworkErrorKind,
  type TrafficClass,
} from '../seams/network.ts'
import type { Random } from '../seams/random.ts'
import { FIN } from '../wire/frames.ts'
import { BackOff } from './back-off.ts'
import { Channel, type ChannelContext } from './channel.ts'
import { PeerWatch } from './evidence.ts'
import { Gossip, type GossipContext } from './gossip.ts'
import type { KnownStarts } from './known-starts.ts'
import { DIAL_TIMEOUT_MS } from './limits.ts'
import { Line, type LineHost } from './line.ts'
import { copyRefusal } from './lineage.ts'
import type { PeerEvidence, RemotePeer } from './mesh.ts'
import type { Gone, MeshLink } from './mesh-link.ts'

export interface PeerContext extends ChannelContext, GossipContext {
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly stopped: boolean
  /** null on an edge. */
  readonly starts: KnownStarts | null
  /** Exchanges hellos on a dialled link; ends in `adopt` or `greetingFailed` of the peer. */
  greet(link: Link): void
  emit(evidence: PeerEvidence): void
  /** A peer has a link less. */
  onLinkGone(): void
  /** Dialling failed again and again: perhaps the peer is somewhere else. */
  search(peer: PeerId, found: () => void): void
}

/** After a reset the peer is dialled so often, wanted or not, to learn whether it is gone. */
const DOUBT_DIALS_MAX = 3
/** A link that breaks sooner was no success. */
const STABLE_MS = 1000
/** So many failures in a row before others are asked where the peer is. */
const SEARCH_AFTER = 3

export class Peer implements LineHost {
  readonly id: PeerId
  readonly lower: boolean
  readonly #context: PeerContext
  readonly #watch: PeerWatch
  readonly #backOff: BackOff
  readonly #gossip: Line
  readonly #request: Line
  readonly #bulk: Line
  /** Lines that wait for the end of the back-off. */
  readonly #wanted = new Set<Line>()
  #timer: Timer | null = null
  /** Dials left to settle a doubt. */
  #doubtDials = 0
  /** The next dial makes a connection of its own. */
  #fresh = false
  #forgotten = false

  constructor(id: PeerId, context: PeerContext) {
    this.id = id
    this.lower = context.network.self < id
    this.#context = context
    this.#watch = new PeerWatch(id, (evidence) => context.emit(evidence))
    this.#backOff = new BackOff(context.random)
    this.#gossip = new Line('gossip', this, (line) => new Gossip(line, context))
    this.#request = new Line('request', this, (line) => new Channel(id, line, context))
    this.#bulk = new Line('bulk', this, (line) => new Channel(id, line, context))
  }

  get known(): RemotePeer | null {
    return this.#watch.known
  }

  get gossip(): Gossip {
    return this.#gossip.user as Gossip
  }

  channel(trafficClass: 'request' | 'bulk'): Channel {
    return (trafficClass === 'bulk' ? this.#bulk : this.#request).user as Channel
  }

  get connected(): boolean {
    return this.#watch.connected
  }

  /** Nothing would be lost by forgetting it. */
  get idle(): boolean {
    if (this.#watch.connected || this.#timer !== null || this.#lines.some((line) => line.dialling))
      return false
    return this.channel('request').idle && this.channel('bulk').idle && this.gossip.idle
  }

  get #lines(): readonly Line[] {
    return [this.#gossip, this.#request, this.#bulk]
  }

  connect(): void {
    this.#gossip.want()
  }

  /** New addresses are known. */
  found(): void {
    if (this.#forgotten || this.#watch.connected) return
    this.#backOff.forgive()
    this.#gossip.want()
  }

  /** The links are worthless, it seems: what is under way on them is in doubt. */
  reconnect(): void {
    this.drop()
    this.#context.network.disconnect(this.id)
    this.#watch.doubted()
    this.#backOff.forgive()
    this.#fresh = true
    this.#doubtDials = DOUBT_DIALS_MAX
    this.#gossip.want()
  }

  forget(): void {
    this.#forgotten = true
    this.#timer?.cancel()
    this.#wanted.clear()
    this.gossip.clear()
    for (const name of ['request', 'bulk'] as const) {
      this.channel(name).failAll('UNREACHABLE', `${this.id} was removed`)
    }
    this.drop()
    this.#context.network.disconnect(this.id)
  }

  /** Says goodbye on every link; each ends when the other side has answered. */
  stop(): void {
    this.#forgotten = true
    this.#timer?.cancel()
    this.#wanted.clear()
    this.gossip.clear()
    for (const name of ['request', 'bulk'] as const) {
      this.channel(name).failAll('STOPPED', 'this node is stopping')
    }
    for (const line of this.#lines) for (const link of line.links) link.retire(FIN.STOPPING)
  }

  /** Ends links whose other side does not say goodbye. */
  drop(): void {
    for (const line of this.#lines) line.drop()
  }

  /** Why nothing can be sent now: the peer was dialled in vain a moment ago. */
  get obstacle(): AtollError | null {
    if (this.#backOff.waitMs(this.#context.clock.monotonicMs()) === 0) return null
    this.dial(this.#request)
    return new AtollError('UNREACHABLE', `${this.id} cannot be reached`, {
      hint: 'it is being dialled again; see member ls',
    })
  }

  /** Why a hello may not be accepted although it is genuine; `past`: see lineage.ts. */
  staleness(remote: RemotePeer, past: readonly number[]): AtollError | null {
    const last = this.#watch.known ?? this.#context.starts?.of(this.id) ?? null
    return copyRefusal(this.id, last, remote, past)
  }

  /** A link, dialled or not, has said hello. */
  adopt(link: MeshLink, remote: RemotePeer): Line {
    const line = this.#lineOf(link.trafficClass)
    if (this.#watch.replaces(remote)) this.drop()
    if (!link.inbound) line.dialling = false
    this.#backOff.forgive()
    this.#doubtDials = 0
    this.#watch.greeted(remote)
    // An edge has no disk, and another name at each start.
    if (remote.role === 'member') this.#context.starts?.keep(this.id, remote)
    line.adopt(link)
    this.#serveWanted()
    return line
  }

  greetingFailed(link: MeshLink, error: AtollError): void {
    if (!link.inbound) this.#failed(this.#lineOf(link.trafficClass), error, null)
  }

  dial(line: Line): void {
    if (this.#forgotten || this.#context.stopped || line.dialling) return
    const waitMs = this.#backOff.waitMs(this.#context.clock.monotonicMs())
    if (waitMs === 0) {
      line.dialling = true
      void this.#dialNow(line)
      return
    }
    this.#wanted.add(line)
    if (this.#timer !== null) return
    this.#timer = this.#context.clock.after(waitMs, () => {
      this.#timer = null
      this.#serveWanted()
    })
  }

  onLinkGone(link: MeshLink, how: Gone): void {
    const { clock } = this.#context
    const stable = clock.monotonicMs() - link.openedAtMs >= STABLE_MS
    if (stable) this.#backOff.succeeded()
    const broken = how === 'broken'
    const inDoubt = this.#watch.inDoubt
    this.#watch.linkGone(broken && !this.#forgotten)
    this.#context.onLinkGone()
    if (!broken || this.#forgotten) return
    if (!stable) this.#backOff.failed(clock.monotonicMs())
    if (!inDoubt) this.#doubtDials = DOUBT_DIALS_MAX
    // At the end of the turn, when all links of a broken connection have ended.
    const line = this.#lineOf(link.trafficClass)
    this.#context.flushSoon({
      flush: () => (this.#gossip.current === null ? this.#gossip : line).want(),
    })
  }

  #lineOf(trafficClass: TrafficClass): Line {
    if (trafficClass === 'gossip') return this.#gossip
    return trafficClass === 'bulk' ? this.#bulk : this.#request
  }

  #serveWanted(): void {
    const wanted = [...this.#wanted]
    this.#wanted.clear()
    for (const line of wanted) line.want()
  }

  async #dialNow(line: Line): Promise<void> {
    const { network, counts } = this.#context
    const fresh = this.#fresh
    this.#fresh = false
    let link: Link
    try {
      const options = { timeoutMs: DIAL_TIMEOUT_MS, fresh }
      link = await network.dial(this.id, line.trafficClass, options)
      counts.dials.ok++
    } catch (error) {
      const kind = error instanceof NetworkError ? error.kind : 'unreachable'
      counts.dials[kind]++
      this.#failed(line, dialError(this.id, kind, error), kind)
      return
    }
    if (this.#forgotten || this.#context.stopped || line.dialIsMoot) {
      line.dialling = false
      link.abort()
      return
    }
    this.#context.greet(link)
  }

  /** `kind` null: it was reached and the hello failed. */
  #failed(line: Line, error: AtollError, kind: NetworkErrorKind | null): void {
    const { clock } = this.#context
    this.#backOff.failed(clock.monotonicMs())
    if (kind === 'refused') this.#watch.refused()
    line.failed(error)
    if (this.#forgotten || this.#context.stopped) return
    if (this.#watch.inDoubt && this.#doubtDials > 0) {
      this.#doubtDials--
      this.dial(this.#gossip)
    }
    const silent = kind === 'refused' || kind === 'timeout' || kind === 'unreachable'
    if (silent && this.#backOff.failures >= SEARCH_AFTER) {
      this.#context.search(this.id, () => this.found())
    }
  }
}

const DIAL_ERRORS: Readonly<Record<NetworkErrorKind, ErrorCode>> = {
  refused: 'UNREACHABLE',
  timeout: 'UNREACHABLE',
  unreachable: 'UNREACHABLE',
  denied: 'DENIED',
  stopped: 'STOPPED',
}

function dialError(peer: PeerId, kind: NetworkErrorKind, cause: unknown): AtollError {
  const why = cause instanceof Error ? cause.message : kind
  return new AtollError(DIAL_ERRORS[kind], `${peer} cannot be reached: ${why}`, { cause })
}
