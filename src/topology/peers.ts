/** Storage ids as peers: who holds a disk, and whether asking it has a point right now. */
import type { PeerId, StorageId } from '../base/ids.ts'
import type { Membership } from '../swim/member.ts'
import type { Topology } from './topology.ts'

export class Peers {
  readonly #membership: Membership
  /** Of one topology: made anew when another is asked about. */
  #topology: Topology | null = null
  #byStorage = new Map<StorageId, PeerId>()

  constructor(membership: Membership) {
    this.#membership = membership
  }

  of(topology: Topology, id: StorageId): PeerId | undefined {
    if (this.#topology !== topology) {
      this.#topology = topology
      this.#byStorage = new Map(topology.members.map((member) => [member.storageId, member.id]))
    }
    return this.#byStorage.get(id)
  }

  /** The peer to ask, or undefined when it is known to be down. */
  usable(topology: Topology, id: StorageId): PeerId | undefined {
    const peer = this.of(topology, id)
    return peer !== undefined && this.#membership.isUsable(peer, id) ? peer : undefined
  }
}
