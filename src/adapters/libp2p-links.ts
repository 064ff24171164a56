/**
 * The links that are open, and how many a peer may hold: of those that it opened in one class the
 * newest count, and beyond the limit the oldest goes. A peer opens a link anew when it has given
 * the one before up, so turning the newest away would keep the dead and refuse the living.
 */
import type { PeerId } from '../base/ids.ts'
import type { Libp2pLink } from './libp2p-link.ts'

export const INBOUND_LINKS_MAX = 8

export class LinkTable {
  readonly #links = new Map<PeerId, Set<Libp2pLink>>()

  add(link: Libp2pLink): void {
    const links = this.#links.get(link.peer) ?? new Set()
    this.#links.set(link.peer, links)
    links.add(link)
    if (!link.inbound) return
    const rivals = [...links].filter(
      ({ inbound, trafficClass }) => inbound && trafficClass === link.trafficClass,
    )
    if (rivals.length > INBOUND_LINKS_MAX) rivals[0]?.abort()
  }

  delete(link: Libp2pLink): void {
    const links = this.#links.get(link.peer)
    links?.delete(link)
    if (links?.size === 0) this.#links.delete(link.peer)
  }

  abort(peer: PeerId): void {
    for (const link of this.#links.get(peer) ?? []) link.abort()
  }

  abortAll(): void {
    for (const peer of this.#links.keys()) this.abort(peer)
  }
}
