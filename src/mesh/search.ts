/**
 * Finding a peer that is not where it was: asks the network's Kademlia lookup, seldom, and never
 * for many peers at once, since a lookup is slow and costs others work.
 */
import type { PeerId } from '../base/ids.ts'
import type { Clock } from '../seams/clock.ts'
import type { Network } from '../seams/network.ts'

const AGAIN_AFTER_MS = 30_000
const TIMEOUT_MS = 10_000
const AT_ONCE_MAX = 4
/** Peers whose last search is remembered. */
const REMEMBERED_MAX = 1024

export class Search {
  readonly #network: Network
  readonly #clock: Clock
  readonly #lastMs = new Map<PeerId, number>()
  #running = 0

  constructor(network: Network, clock: Clock) {
    this.#network = network
    this.#clock = clock
  }

  /** Calls `found` after new addresses were learned; otherwise nothing happens. */
  find(peer: PeerId, found: () => void): void {
    const nowMs = this.#clock.monotonicMs()
    const lastMs = this.#lastMs.get(peer) ?? Number.NEGATIVE_INFINITY
    if (this.#running >= AT_ONCE_MAX || nowMs - lastMs < AGAIN_AFTER_MS) return
    this.#lastMs.delete(peer)
    this.#lastMs.set(peer, nowMs)
    const [oldest] = this.#lastMs.keys()
    if (this.#lastMs.size > REMEMBERED_MAX && oldest !== undefined) this.#lastMs.delete(oldest)
    this.#running++
    this.#network.findPeer(peer, TIMEOUT_MS).then(
      (addresses) => {
        this.#running--
        if (addresses.length === 0) return
        this.#network.learnAddresses(peer, addresses)
        found()
      },
      () => {
        this.#running--
      },
    )
  }
}
