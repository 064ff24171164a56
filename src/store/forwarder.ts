/**
 * Writes of a node that is no replica of the key: handed to one that is, to the next one if the
 * first is silent. Every try bears the same stamp, so a write that two replicas coordinated is one
 * sibling and not two (merge.ts).
 */
import { AtollError, isAtollError } from '../base/errors.ts'
import type { PeerId } from '../base/ids.ts'
import type { Mesh } from '../mesh/mesh.ts'
import type { Clock } from '../seams/clock.ts'
import { type Random, shuffled } from '../seams/random.ts'
import type { Topology, TopologyView } from '../topology/topology.ts'
import { REQUEST_KINDS } from '../wire/kinds.ts'
import type { CallLimits, Put } from './coordinator.ts'
import type { HybridClock } from './hybrid-clock.ts'
import { decodePutOutcome, encodeForwardedPut, levelNumber, type PutOutcome } from './messages.ts'
import type { Peers } from './peers.ts'
import { placeOf } from './place.ts'

export interface ForwarderOptions {
  readonly mesh: Mesh
  readonly topology: TopologyView
  readonly peers: Peers
  readonly clock: Clock
  readonly random: Random
  readonly hybridClock: HybridClock
}

const ATTEMPTS_MAX = 5
/** The first of several replicas may take this part of the time; then the next one is asked. */
const FIRST_SHARE = 0.5

export class Forwarder {
  readonly #options: ForwarderOptions

  constructor(options: ForwarderOptions) {
    this.#options = options
  }

  async put(put: Put, limits: CallLimits): Promise<PutOutcome> {
    const { clock, hybridClock } = this.#options
    const endMs = clock.monotonicMs() + limits.deadlineMs
    const stamp = hybridClock.next(0)
    const tried = new Set<PeerId>()
    const failures: AtollError[] = []
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
      const topology = this.#topology()
      const [peer, other] = this.#candidates(topology, put.key, tried)
      const leftMs = endMs - clock.monotonicMs()
      if (peer === undefined || leftMs < 1) break
      const deadlineMs = Math.ceil(other === undefined ? leftMs : leftMs * FIRST_SHARE)
      const outcome = await this.#try(peer, put, topology, stamp, { ...limits, deadlineMs })
      if (outcome instanceof AtollError) {
        tried.add(peer)
        failures.push(outcome)
      } else if (typeof outcome === 'number') {
        await this.#options.topology.catchUp(outcome, peer)
      } else {
        return outcome
      }
    }
    // What one replica may have applied stays unknown, whatever the next one says.
    const unknown = failures.find(({ outcome }) => outcome === 'unknown')
    throw (
      unknown ??
      failures.at(-1) ??
      new AtollError('NO_QUORUM', `no replica of "${put.key}" can be reached`)
    )
  }

  /** An outcome, the number of a newer topology, or an error that another replica may mend. */
  async #try(
    peer: PeerId,
    put: Put,
    topology: Topology,
    stamp: number,
    { level, deadlineMs, signal }: CallLimits,
  ): Promise<PutOutcome | number | AtollError> {
    const { number } = topology
    const message = { ...put, topology: number, stamp, level: levelNumber(level), deadlineMs }
    const options = { timeoutMs: deadlineMs, ...(signal !== undefined && { signal }) }
    const body = encodeForwardedPut(message)
    try {
      const kind = REQUEST_KINDS.KV_COORDINATE_PUT
      return decodePutOutcome(await this.#options.mesh.request(peer, kind, body, options))
    } catch (error) {
      if (isAtollError(error) && isWorthAnother(error)) return error
      throw error
    }
  }

  #candidates(topology: Topology, key: string, tried: ReadonlySet<PeerId>): PeerId[] {
    const [current = []] = placeOf(topology, key).groups
    const usable = current
      .map((id) => this.#options.peers.usable(topology, id))
      .filter((peer) => peer !== undefined && !tried.has(peer))
    return shuffled(this.#options.random, usable).filter((peer) => peer !== undefined)
  }

  #topology(): Topology {
    const topology = this.#options.topology.current()
    if (topology !== null) return topology
    throw new AtollError('NO_QUORUM', 'this node has not learned the topology yet', {
      hint: 'it will as soon as it reaches a member; try again shortly',
    })
  }
}

function isWorthAnother({ code }: AtollError): boolean {
  return code === 'UNREACHABLE' || code === 'TIMEOUT' || code === 'BUSY' || code === 'DISK_FULL'
}
