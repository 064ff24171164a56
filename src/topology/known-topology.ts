/** The topology that a call acts on: the newest known here, and newer ones when a peer names one. */
import { AtollError } from '../base/errors.ts'
import type { PeerId, StorageId } from '../base/ids.ts'
import type { RemotePeer } from '../mesh/mesh.ts'
import { type Clock, sleep } from '../seams/clock.ts'
import type { Topology, TopologyView } from './topology.ts'
import type { Peers } from './peers.ts'

/** How long a call has. */
export interface CallTime {
  /** In the clock's monotonic milliseconds. */
  readonly endMs: number
  readonly signal: AbortSignal | undefined
}

/** For a node that may lose everybody: see finder.ts. */
export interface Finder {
  readonly isNeeded: boolean
  find(key: string, call: CallTime): Promise<void>
}

/** Whoever is asked for a call has this part of its time, so that there is some left to say so. */
export const ANSWER_SHARE = 0.9

export class KnownTopology {
  readonly #view: TopologyView
  readonly #peers: Peers
  readonly #clock: Clock
  readonly #finder: Finder | null

  constructor(view: TopologyView, peers: Peers, clock: Clock, finder: Finder | null = null) {
    this.#view = view
    this.#peers = peers
    this.#clock = clock
    this.#finder = finder
  }

  /** Whether a call should `reach` first. */
  get isLost(): boolean {
    return this.#finder !== null && this.#finder.isNeeded
  }

  /** Finds the replicas of a key where this node has lost them all. Never rejects. */
  async reach(key: string, call: CallTime): Promise<void> {
    await this.#finder?.find(key, call)
  }

  /** Throws NO_QUORUM as long as none is known: on an edge that has just started. */
  get(): Topology {
    return knownIn(this.#view)
  }

  /** Whether it is a member of it, on the disk that it speaks for. */
  isMember({ storageId, peer }: RemotePeer): boolean {
    const topology = this.#view.current()
    return topology !== null && this.#peers.of(topology, storageId) === peer
  }

  /** Resolves when at least that number is known here; rejects when the call's time is over. */
  async catchUp(number: number, from: StorageId, call: CallTime): Promise<void> {
    const peer = this.#peers.of(this.get(), from)
    if (peer !== undefined) await this.catchUpFrom(number, peer, call)
  }

  async catchUpFrom(number: number, peer: PeerId, { endMs, signal }: CallTime): Promise<void> {
    if ((this.#view.current()?.number ?? 0) >= number) return
    const over = new AbortController()
    const ends = signal === undefined ? [over.signal] : [over.signal, signal]
    const leftMs = Math.max(0, endMs - this.#clock.monotonicMs())
    const late = sleep(this.#clock, leftMs, AbortSignal.any(ends)).then(
      () => {
        throw new AtollError('TIMEOUT', `topology ${number} did not come in time`)
      },
      () => {
        throw new AtollError('CANCELLED', 'the call was given up')
      },
    )
    try {
      await Promise.race([this.#view.catchUp(number, peer), late])
    } finally {
      over.abort()
    }
  }
}

/** Throws NO_QUORUM as long as none is known: on an edge that has just started. */
export function knownIn(view: Pick<TopologyView, 'current'>): Topology {
  const topology = view.current()
  if (topology !== null) return topology
  throw new AtollError('NO_QUORUM', 'this node has not learned the topology yet', {
    hint: 'it will as soon as it reaches a member; try again shortly',
  })
}
