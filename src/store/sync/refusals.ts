/**
 * Peers that refuse to compare for good (DENIED: this disk was removed, or what the node shows of
 * itself is over). Each is told of once in the log and asked ever more seldom, until something has
 * changed: then at once.
 */
import { isAtollError } from '../../base/errors.ts'
import type { StorageId } from '../../base/ids.ts'
import { type Clock, sleep } from '../../seams/clock.ts'
import type { Log } from '../../seams/log.ts'

interface Refusal {
  /** After the next one. */
  readonly pauseMs: number
  readonly notBeforeMs: number
}

const FIRST_MS = 1000
const LAST_MS = 60_000

export class Refusals {
  readonly #clock: Clock
  readonly #log: Log
  /** At most one a disk of the topology. */
  readonly #refusals = new Map<StorageId, Refusal>()
  /** Of the pauses under way. */
  #anew = new AbortController()

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** False when it was no refusal. */
  failed(id: StorageId, error: Error): boolean {
    if (!isAtollError(error, 'DENIED')) return false
    const before = this.#refusals.get(id)
    if (before === undefined) {
      this.#log.write('warn', 'store.sync-refused', { disk: id, error: String(error) })
    }
    const pauseMs = before?.pauseMs ?? FIRST_MS
    const notBeforeMs = this.#clock.monotonicMs() + pauseMs
    this.#refusals.set(id, { pauseMs: Math.min(2 * pauseMs, LAST_MS), notBeforeMs })
    return true
  }

  succeeded(id: StorageId): void {
    this.#refusals.delete(id)
  }

  /** Who refused may not any more. Forgets those that are no disks of the topology. */
  lookAnew(isMember: (id: StorageId) => boolean): void {
    for (const id of this.#refusals.keys()) {
      if (isMember(id)) this.#refusals.set(id, { pauseMs: FIRST_MS, notBeforeMs: 0 })
      else this.#refusals.delete(id)
    }
    this.#anew.abort()
    this.#anew = new AbortController()
  }

  /** Waits until the disk may be asked; never rejects. */
  async wait(id: StorageId, signal: AbortSignal): Promise<void> {
    const refusal = this.#refusals.get(id)
    const leftMs = (refusal?.notBeforeMs ?? 0) - this.#clock.monotonicMs()
    if (leftMs <= 0) return
    const either = AbortSignal.any([signal, this.#anew.signal])
    await sleep(this.#clock, leftMs, either).catch(() => undefined)
  }
}
