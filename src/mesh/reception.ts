/**
 * Where links arrive, dialled or accepted, and stay until the other end has said a good hello:
 * who is turned away, with which sentence, and whose line a link joins.
 */
import { AtollError, type ErrorCode } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { Clock } from '../seams/clock.ts'
import type { Log } from '../seams/log.ts'
import type { Link, LinkHandler, Network } from '../seams/network.ts'
import { add, type MeshCounts } from './counts.ts'
import { encodeHello, examineHello, type SelfFacts } from './hello.ts'
import { GREETINGS_MAX } from './limits.ts'
import type { RemotePeer } from './mesh.ts'
import { type Desk, type LinkOwner, MeshLink } from './mesh-link.ts'
import type { Peer } from './peer.ts'
import { unwelcome } from './welcome.ts'

export interface ReceptionOptions {
  readonly network: Network
  readonly clock: Clock
  readonly log: Log
  readonly self: SelfFacts
  /** The node's last word on who may talk to it, such as that the peer was removed. */
  readonly gate: (remote: RemotePeer) => ErrorCode | null
}

/** The peers that the mesh knows. */
export interface PeerBook {
  get(peer: PeerId): Peer | undefined
  /** Null when no more can be remembered. */
  getOrMake(peer: PeerId): Peer | null
}

const DEAF: LinkHandler = { onFrame: () => {}, onDrain: () => {}, onClose: () => {} }

export class Reception implements Desk {
  readonly clock: Clock
  readonly counts: MeshCounts
  readonly #options: ReceptionOptions
  readonly #peers: PeerBook
  /** Links without a hello, of both directions; those accepted are bounded. */
  readonly #greetings = new Set<MeshLink>()
  #closed = false
  #onJoin: ((link: Link) => void) | null = null
  #onRefused: ((peer: PeerId, error: AtollError) => void) | null = null

  constructor(options: ReceptionOptions, peers: PeerBook, counts: MeshCounts) {
    this.clock = options.clock
    this.counts = counts
    this.#options = options
    this.#peers = peers
  }

  onJoin(listener: (link: Link) => void): void {
    this.#onJoin = listener
  }

  onRefused(listener: (peer: PeerId, error: AtollError) => void): void {
    this.#onRefused = listener
  }

  /** A link that another peer opened. */
  accept(link: Link): void {
    const isJoin = link.trafficClass === 'join'
    const crowded = this.#greetings.size >= GREETINGS_MAX
    if (this.#closed || (isJoin ? this.#onJoin === null : crowded)) {
      link.open(DEAF)
      link.abort()
    } else if (isJoin) {
      this.#onJoin?.(link)
    } else {
      this.greet(link)
    }
  }

  greet(link: Link): void {
    const greeting = new MeshLink(link, this)
    this.#greetings.add(greeting)
    greeting.start()
  }

  /** Nobody is let in any more. */
  close(): void {
    this.#closed = true
    for (const link of this.#greetings) link.giveUp()
    this.#greetings.clear()
  }

  // What follows is for links (see Desk).

  hello(): Uint8Array {
    return encodeHello(this.#options.self, this.#options.network.addresses())
  }

  examine(peer: PeerId, frame: Uint8Array): RemotePeer {
    const { clock, network, self, gate } = this.#options
    const { remote, past, addresses } = examineHello(frame, peer, self, clock.wallMs())
    const code = gate(remote)
    if (code !== null) throw unwelcome(code, peer, self.clusterId)
    const known = this.#peers.getOrMake(peer)
    if (known === null) throw new AtollError('BUSY', 'too many peers are known')
    const stale = known.staleness(remote, past)
    if (stale !== null) throw stale
    if (addresses.length > 0) network.learnAddresses(peer, addresses)
    return remote
  }

  onGreeted(link: MeshLink, remote: RemotePeer): LinkOwner {
    this.#greetings.delete(link)
    const { trafficClass, inbound } = link
    const fields = { peer: remote.peer, class: trafficClass, inbound }
    this.#options.log.write('debug', 'mesh.link-open', fields)
    const peer = this.#peers.get(remote.peer) as Peer // `examine` has just made it.
    return peer.adopt(link, remote)
  }

  onGreetingFailed(link: MeshLink, error: AtollError): void {
    this.#greetings.delete(link)
    this.#report(link.peer, error)
    this.#peers.get(link.peer)?.greetingFailed(link, error)
  }

  onDropped(link: MeshLink, error: AtollError): void {
    this.#report(link.peer, error)
  }

  #report(peer: PeerId, error: AtollError): void {
    add(this.counts.refused, error.code)
    const quiet = error.code === 'UNREACHABLE'
    const fields = { peer, code: error.code, why: error.message }
    this.#options.log.write(quiet ? 'debug' : 'warn', 'mesh.refused', fields)
    if (!quiet) this.#onRefused?.(peer, error)
  }
}
