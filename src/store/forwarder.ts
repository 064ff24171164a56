/**
 * Writes of a node that is no replica of the key: handed to one that is, to the next one if the
 * first surely has not applied it. What may have been applied is never tried again: two replicas
 * would make two writes of it, and the later one could bring back what was deleted in between.
 */
import { AtollError, isAtollError } from '../base/errors.ts'
import type { PeerId, StorageId } from '../base/ids.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import type { Random } from '../seams/random.ts'
import type { Topology } from '../topology/topology.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import type { CallLimits } from './calls.ts'
import { Marks } from './mark.ts'
import type { KnownTopology } from '../topology/known-topology.ts'
import { decodeWriteOutcome, encodeForwardedWrite, type WriteOutcome } from './messages.ts'
import type { Peers } from '../topology/peers.ts'
import type { Place } from './place.ts'
import type { Places } from '../topology/places.ts'
import { Preference } from './preference.ts'
import type { Write } from './write.ts'

export interface ForwarderOptions {
  readonly mesh: Mesh
  readonly topology: KnownTopology
  readonly peers: Peers
  readonly places: Places<Place>
  readonly clock: Clock
  readonly random: Random
}

interface Failed {
  readonly by: PeerId
  readonly error: AtollError
}

/** Replicas tried, and newer topologies followed, by one write. */
const ATTEMPTS_MAX = 5

export class Forwarder {
  readonly #options: ForwarderOptions
  readonly #preference: Preference
  readonly #marks: Marks

  constructor(options: ForwarderOptions) {
    this.#options = options
    this.#preference = new Preference(options.clock, options.random)
    this.#marks = new Marks(options.clock)
  }

  /** `failed`: a replica that surely has not applied it, and why. */
  async write(write: Write, limits: CallLimits, failed?: Failed): Promise<WriteOutcome> {
    const { clock } = this.#options
    const endMs = clock.monotonicMs() + limits.deadlineMs
    const { topology: known } = this.#options
    if (known.isLost) await known.reach(write.key, { ...limits, endMs })
    const tried = new Set<PeerId>(failed === undefined ? [] : [failed.by])
    let failure: AtollError | null = failed?.error ?? null
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const topology = this.#options.topology.get()
      const peer = this.#candidate(topology, write.key, tried)
      if (peer === undefined || endMs - clock.monotonicMs() < 1) break
      const outcome = await this.#try(peer, write, topology, { ...limits, endMs })
      if (outcome instanceof AtollError) {
        tried.add(peer)
        failure = failed?.error ?? outcome
      } else if (typeof outcome === 'number') {
        await this.#options.topology.catchUpFrom(outcome, peer, { ...limits, endMs })
      } else {
        return outcome
      }
    }
    if (failure !== null) throw failure
    throw new AtollError('NO_QUORUM', `no replica of "${write.key}" can be reached`, {
      hint: `see: atoll explain ${write.key}`,
    })
  }

  /** An outcome, the number of a topology to ask again by, or an error that another may mend. */
  async #try(
    peer: PeerId,
    write: Write,
    topology: Topology,
    limits: CallLimits & { readonly endMs: number },
  ): Promise<WriteOutcome | number | AtollError> {
    try {
      const outcome = await this.#ask(peer, write, topology, limits)
      const isUnmarked = typeof outcome === 'number' && outcome <= topology.number
      return isUnmarked ? await this.#ask(peer, write, topology, limits) : outcome
    } catch (error) {
      const isMendable = isAtollError(error) && error.outcome === 'not-applied'
      if (isMendable && isWorthAnother(error)) return error
      throw error
    }
  }

  /** By a topology that it knows, it is to be asked again: with the mark that it has given. */
  async #ask(
    peer: PeerId,
    write: Write,
    topology: Topology,
    { level, endMs, signal }: CallLimits & { readonly endMs: number },
  ): Promise<WriteOutcome | number> {
    const { clock, mesh } = this.#options
    const timeoutMs = Math.max(1, endMs - clock.monotonicMs())
    const message = { topology: topology.number, level, deadlineMs: Math.ceil(timeoutMs) }
    const options = { timeoutMs, ...(signal !== undefined && { signal }) }
    const body = encodeForwardedWrite({ ...write, ...message, mark: this.#marks.of(peer) })
    const answer = await mesh.request(peer, REQUEST_KINDS.KV_COORDINATE_PUT, body, options)
    const { mark, outcome } = decodeWriteOutcome(answer)
    if (mark !== null) this.#marks.came(peer, mark)
    return outcome
  }

  /** One that has all the data, if there is one; the one preferred at the moment. */
  #candidate(topology: Topology, key: string, tried: ReadonlySet<PeerId>): PeerId | undefined {
    const { installed, targets } = this.#options.places.of(topology, key)
    const peersOf = (ids: readonly StorageId[]): PeerId[] =>
      ids
        .map((id) => this.#options.peers.usable(topology, id))
        .filter((peer) => peer !== undefined)
        .filter((peer) => !tried.has(peer))
    return this.#preference.of(peersOf(installed)) ?? this.#preference.of(peersOf(targets))
  }
}

function isWorthAnother({ code }: AtollError): boolean {
  return code === 'UNREACHABLE' || code === 'TIMEOUT' || code === 'BUSY' || code === 'DISK_FULL'
}
