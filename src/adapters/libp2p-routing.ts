/**
 * Keeps everybody who is connected in kad-dht's routing table.
 *
 * kad-dht adds a peer when a connection to it has been identified, once a ping over it was answered,
 * and does not try again. A peer that is back within seconds, as every joiner is (its first connection is
 * the dialogue of its admission), is taken for the one whose ping is still under way: that fails with
 * the connection that has ended, and whoever admitted it would not know it to Kademlia for good.
 */
import type { PeerId } from '@libp2p/interface'

/** What of kad-dht's table is used. */
export interface RoutingTable {
  find(peer: PeerId): Promise<PeerId | undefined>
  /** Pings it first. */
  add(peer: PeerId): Promise<void>
}

export interface RoutingUpkeepOptions {
  readonly table: RoutingTable
  readonly isConnected: (peer: PeerId) => boolean
  /** Of tests. */
  readonly delaysMs?: readonly number[]
}

/** After a connection was identified; a ping that fails takes five seconds to do so. */
const DELAYS_MS = [1000, 3000, 6000, 20_000]

export class RoutingUpkeep {
  readonly #options: RoutingUpkeepOptions
  readonly #delaysMs: readonly number[]
  /** One for each peer that is connected, at most; until it is in the table. */
  readonly #timers = new Map<string, NodeJS.Timeout>()
  #isStopped = false

  constructor(options: RoutingUpkeepOptions) {
    this.#options = options
    this.#delaysMs = options.delaysMs ?? DELAYS_MS
  }

  /** Peers that are still looked after. */
  get size(): number {
    return this.#timers.size
  }

  identified(peer: PeerId): void {
    this.#lookLater(peer, 0)
  }

  stop(): void {
    this.#isStopped = true
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#timers.clear()
  }

  #lookLater(peer: PeerId, attempt: number): void {
    const name = peer.toString()
    clearTimeout(this.#timers.get(name))
    this.#timers.delete(name)
    const delayMs = this.#delaysMs[attempt]
    if (delayMs === undefined || this.#isStopped) return
    const timer = setTimeout(() => {
      this.#look(peer).then(
        (isDone) => {
          // Another connection was identified meanwhile: that one's turn comes by itself.
          if (this.#timers.get(name) !== timer) return
          this.#lookLater(peer, isDone ? this.#delaysMs.length : attempt + 1)
        },
        () => undefined,
      )
    }, delayMs)
    this.#timers.set(name, timer.unref())
  }

  /** True: nothing is left to do. */
  async #look(peer: PeerId): Promise<boolean> {
    const { table, isConnected } = this.#options
    try {
      if (!isConnected(peer) || (await table.find(peer)) !== undefined) return true
      await table.add(peer)
      return (await table.find(peer)) !== undefined
    } catch {
      return false // It did not answer, or the table is full of better ones.
    }
  }
}
