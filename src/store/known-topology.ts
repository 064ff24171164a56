/** The topology that a call acts on: the newest known here, and newer ones when a peer names one. */
import { AtollError } from '../base/errors.ts'
import type { PeerId, StorageId } from '../base/ids.ts'
import type { Topology, TopologyView } from '../topology/topology.ts'
import type { Peers } from './peers.ts'

export class KnownTopology {
  readonly #view: TopologyView
  readonly #peers: Peers

  constructor(view: TopologyView, peers: Peers) {
    this.#view = view
    this.#peers = peers
  }

  /** Throws NO_QUORUM as long as none is known: on an edge that has just started. */
  get(): Topology {
    const topology = this.#view.current()
    if (topology !== null) return topology
    throw new AtollError('NO_QUORUM', 'this node has not learned the topology yet', {
      hint: 'it will as soon as it reaches a member; try again shortly',
    })
  }

  /** Resolves when at least that number is known here. */
  async catchUp(number: number, from: StorageId): Promise<void> {
    const peer = this.#peers.of(this.get(), from)
    if (peer !== undefined) await this.catchUpFrom(number, peer)
  }

  async catchUpFrom(number: number, peer: PeerId): Promise<void> {
    if ((this.#view.current()?.number ?? 0) < number) await this.#view.catchUp(number, peer)
  }
}
