/**
 * Dials a peer at all its addresses: newest knowledge first, the next one a moment later or as
 * soon as one failed, the first that leads to the peer wins (RFC 8305, section 5).
 *
 * libp2p's own queue tries addresses one after another, each for seconds; behind one that never
 * answers, as a machine that is gone does not, the good ones would not get their turn in time.
 */
import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { PeerId } from '../base/ids.ts'
import { NetworkError } from '../seams/network.ts'

/** Between two attempts while none has failed (RFC 8305 says 250 ms). */
const STAGGER_MS = 250
/** Peers dialled at the same time. */
export const DIALS_MAX = 256
/** Addresses tried in one dial. */
export const ATTEMPTS_MAX = 32

/** One attempt at one address, which names the peer that must answer. */
export type Attempt = (address: Multiaddr, signal: AbortSignal) => Promise<Connection>

export class Dialler {
  readonly #attempt: Attempt
  readonly #races = new Map<PeerId, Race>()

  constructor(attempt: Attempt) {
    this.#attempt = attempt
  }

  /** A new connection. Who dials a peer that is being dialled shares the outcome. */
  connect(peer: PeerId, addresses: readonly Multiaddr[], signal: AbortSignal): Promise<Connection> {
    let race = this.#races.get(peer)
    if (race === undefined) {
      if (this.#races.size >= DIALS_MAX) {
        return Promise.reject(new NetworkError('unreachable', 'too many dials at once'))
      }
      race = new Race(this.#attempt, () => this.#races.delete(peer))
      this.#races.set(peer, race)
    }
    return race.join(addresses, signal)
  }

  /** Ends every dial under way. */
  stop(): void {
    for (const race of this.#races.values()) race.fail('the dialler stops')
  }
}

interface Waiter {
  readonly resolve: (connection: Connection) => void
  readonly reject: (error: Error) => void
}

class Race {
  readonly #attempt: Attempt
  readonly #onEnd: () => void
  /** Of the attempts under way: the one that won must not be aborted, its connection would end. */
  readonly #aborters = new Set<AbortController>()
  /** In the order in which they are tried; at most ATTEMPTS_MAX. */
  readonly #addresses = new Map<string, Multiaddr>()
  readonly #waiters = new Set<Waiter>()
  readonly #errors: unknown[] = []
  #started = 0
  #timer: ReturnType<typeof setTimeout> | null = null
  #over = false

  constructor(attempt: Attempt, onEnd: () => void) {
    this.#attempt = attempt
    this.#onEnd = onEnd
  }

  join(addresses: readonly Multiaddr[], signal: AbortSignal): Promise<Connection> {
    for (const address of addresses) {
      if (this.#addresses.size < ATTEMPTS_MAX) this.#addresses.set(address.toString(), address)
    }
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject }
      this.#waiters.add(waiter)
      signal.addEventListener('abort', () => this.#leave(waiter, signal.reason), { once: true })
      if (signal.aborted) this.#leave(waiter, signal.reason)
      else if (this.#timer === null) this.#next()
    })
  }

  /** Its time is over; nobody else may still wait. */
  #leave(waiter: Waiter, reason: unknown): void {
    if (!this.#waiters.delete(waiter)) return
    waiter.reject(new AggregateError([...this.#errors, reason], 'no answer in time'))
    if (this.#waiters.size === 0) this.#end()
  }

  #next(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    const address = [...this.#addresses.values()][this.#started]
    if (this.#over || address === undefined) return
    this.#started++
    void this.#try(address)
    this.#timer = setTimeout(() => this.#next(), STAGGER_MS)
  }

  async #try(address: Multiaddr): Promise<void> {
    const aborter = new AbortController()
    this.#aborters.add(aborter)
    try {
      const connection = await this.#attempt(address, aborter.signal)
      this.#aborters.delete(aborter)
      this.#won(connection)
    } catch (error) {
      this.#aborters.delete(aborter)
      this.#lost(error)
    }
  }

  #won(connection: Connection): void {
    if (this.#over) {
      connection.abort(new Error('another address was quicker'))
      return
    }
    const waiters = [...this.#waiters]
    this.#end()
    for (const { resolve } of waiters) resolve(connection)
  }

  #lost(error: unknown): void {
    this.#errors.push(error)
    if (this.#over) return
    if (this.#started < this.#addresses.size) return this.#next()
    if (this.#errors.length < this.#started) return
    this.fail('no address answered as the peer')
  }

  fail(why: string): void {
    const waiters = [...this.#waiters]
    this.#end()
    const failure = new AggregateError(this.#errors, why)
    for (const { reject } of waiters) reject(failure)
  }

  #end(): void {
    if (this.#over) return
    this.#over = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#waiters.clear()
    for (const aborter of this.#aborters) aborter.abort()
    this.#onEnd()
  }
}
