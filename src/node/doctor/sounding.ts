/**
 * Asking peers whether they answer: a small request there and back, now, whatever membership
 * believes. The answer says how long it took, how far the other's clock is off, and which version
 * answers; and its addresses are tried, since it may only be reached over a connection of its own
 * making. Any member also says whom of a few others it reaches, so that one node learns of both
 * directions of each pair by one request to each.
 *
 * Whoever is asked sounds only whom it holds for a member: it is not made to dial the world.
 *
 * Bounds: a member sounds at most PEERS_MAX others at once for each request, and serves
 * REACHES_MAX such requests at a time; more are told BUSY.
 */
import { AtollError, isAtollError } from '../../base/errors.ts'
import { ID_BYTES_MAX, type PeerId } from '../../base/ids.ts'
import { VERSION } from '../../base/version.ts'
import type { Mesh, RemotePeer } from '../../mesh/mesh.ts'
import type { AddressTrial, Network } from '../../seams/network.ts'
import type { Clock } from '../../seams/clock.ts'
import { WireReader, WireWriter } from '../../wire/codec.ts'
import { REQUEST_KINDS } from '../../wire/kinds.ts'

export const PEERS_MAX = 32
export const REACHES_MAX = 4
const VERSION_BYTES_MAX = 64
const CODE_BYTES_MAX = 64
/** An answer that took longer is asked for again. */
const STEADY_MS = 5
/** What a member that is asked gives each of those whom it sounds. */
const SOUND_MS = 1000
/** Wall clocks before 1970 are nonsense, and none goes beyond what a number holds. */
const WALL_MS_MAX = 2 ** 48

export type Sounding =
  | {
      readonly peer: PeerId
      readonly answered: true
      readonly rttMs: number
      /** Its clock minus ours; true to half of the round trip, either way. */
      readonly offsetMs: number
      readonly version: string
      readonly trial: AddressTrial
    }
  | { readonly peer: PeerId; readonly answered: false; readonly why: string }

type Answer =
  | Omit<Extract<Sounding, { answered: true }>, 'trial'>
  | Extract<Sounding, { answered: false }>

/** What another member says of its own reach. */
export interface Reached {
  readonly peer: PeerId
  readonly answered: boolean
  readonly rttMs: number
  /** Code of the error; '' when it answered. */
  readonly why: string
  readonly trial: AddressTrial
}

export interface SounderParts {
  readonly mesh: Mesh
  readonly network: Pick<Network, 'tryAddresses'>
  readonly clock: Clock
  /** Whether it is a member, as far as this node knows. */
  readonly isKnown: (peer: PeerId) => boolean
}

export class Sounder {
  readonly #mesh: Mesh
  readonly #network: Pick<Network, 'tryAddresses'>
  readonly #clock: Clock
  readonly #isKnown: (peer: PeerId) => boolean
  /** At most REACHES_MAX. */
  #serving = 0

  /** Sets the mesh's handlers: make it before the mesh starts. */
  constructor({ mesh, network, clock, isKnown }: SounderParts) {
    this.#mesh = mesh
    this.#network = network
    this.#isKnown = isKnown
    this.#clock = clock
    mesh.handle(REQUEST_KINDS.DOCTOR_PING, () => encodePong(clock.wallMs()))
    mesh.handle(REQUEST_KINDS.DOCTOR_REACH, (from, body) => this.#onReach(from, body))
  }

  /** Never rejects. */
  async sound(peer: PeerId, timeoutMs: number): Promise<Sounding> {
    const [answer, trial] = await Promise.all([
      this.#ask(peer, timeoutMs),
      this.#network.tryAddresses(peer, timeoutMs),
    ])
    return answer.answered ? { ...answer, trial } : answer
  }

  /** The first answer may have waited for a dial, which says nothing of the way, nor of clocks. */
  async #ask(peer: PeerId, timeoutMs: number): Promise<Answer> {
    const first = await this.#askOnce(peer, timeoutMs)
    if (!first.answered || first.rttMs < STEADY_MS || first.rttMs * 2 > timeoutMs) return first
    const second = await this.#askOnce(peer, timeoutMs - first.rttMs)
    return second.answered && second.rttMs < first.rttMs ? second : first
  }

  async #askOnce(peer: PeerId, timeoutMs: number): Promise<Answer> {
    const startMs = this.#clock.monotonicMs()
    try {
      const empty = new Uint8Array()
      const answer = await this.#mesh.request(peer, REQUEST_KINDS.DOCTOR_PING, empty, { timeoutMs })
      const rttMs = this.#clock.monotonicMs() - startMs
      const { wallMs, version } = decodePong(answer)
      const offsetMs = wallMs - (this.#clock.wallMs() - rttMs / 2)
      return { peer, answered: true, rttMs, offsetMs, version }
    } catch (error) {
      return { peer, answered: false, why: codeOf(error) }
    }
  }

  /** Whom of these that member reaches; rejects as a request does. At most PEERS_MAX. */
  async reachOf(
    member: PeerId,
    peers: readonly PeerId[],
    timeoutMs: number,
  ): Promise<readonly Reached[]> {
    const body = new WireWriter().list(peers, (out, peer) => void out.string(peer)).finish()
    const answer = await this.#mesh.request(member, REQUEST_KINDS.DOCTOR_REACH, body, { timeoutMs })
    return decodeReach(answer, peers)
  }

  async #soundKnown(peer: PeerId): Promise<Sounding> {
    return this.#isKnown(peer) ? await this.sound(peer, SOUND_MS) : unknown(peer)
  }

  async #onReach(_from: RemotePeer, body: Uint8Array): Promise<Uint8Array> {
    const peers = new WireReader(body).list(PEERS_MAX, (each) => each.string(ID_BYTES_MAX))
    if (this.#serving >= REACHES_MAX) throw new AtollError('BUSY', 'others are being examined')
    this.#serving++
    try {
      const soundings = await Promise.all(peers.map((peer) => this.#soundKnown(peer)))
      return encodeReach(soundings)
    } finally {
      this.#serving--
    }
  }
}

function unknown(peer: PeerId): Sounding {
  return { peer, answered: false, why: 'NOT_FOUND' }
}

function codeOf(error: unknown): string {
  return isAtollError(error) ? error.code : 'INTERNAL'
}

/** On the wire by their place: only ever added to at the end. */
const TRIALS: readonly AddressTrial[] = ['open', 'refused', 'timeout', 'unreachable']

function readTrial(from: WireReader): AddressTrial {
  return TRIALS[from.uint(TRIALS.length - 1)] ?? 'unreachable'
}

function encodePong(wallMs: number): Uint8Array {
  return new WireWriter()
    .string(VERSION)
    .uint(Math.max(0, Math.floor(wallMs)))
    .finish()
}

function decodePong(bytes: Uint8Array): { readonly wallMs: number; readonly version: string } {
  const from = new WireReader(bytes)
  return { version: from.string(VERSION_BYTES_MAX), wallMs: from.uint(WALL_MS_MAX) }
}

function encodeReach(soundings: readonly Sounding[]): Uint8Array {
  const out = new WireWriter()
  out.list(soundings, (to, each) => {
    to.bool(each.answered)
    if (each.answered) to.uint(Math.round(each.rttMs * 1000)).uint(TRIALS.indexOf(each.trial))
    else to.string(each.why)
  })
  return out.finish()
}

/** In the order of those asked about; what is missing was not looked at. */
function decodeReach(bytes: Uint8Array, peers: readonly PeerId[]): Reached[] {
  const answers = new WireReader(bytes).list(PEERS_MAX, (from) => {
    const answered = from.bool()
    return answered
      ? { answered, rttMs: from.uint(WALL_MS_MAX) / 1000, why: '', trial: readTrial(from) }
      : { answered, rttMs: 0, why: from.string(CODE_BYTES_MAX), trial: 'unreachable' as const }
  })
  return peers.flatMap((peer, i) => {
    const answer = answers[i]
    return answer === undefined ? [] : [{ peer, ...answer }]
  })
}
