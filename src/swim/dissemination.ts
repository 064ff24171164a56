/**
 * Rumours waiting to be passed on (SWIM §4.1): each rides on a limited number of messages, those
 * sent least often first, among equals the largest that still fits, then the newest. A newer rumour
 * about a member replaces the older one and starts anew, so the queue is bounded by the members.
 *
 * Rumours wait in tiers by the number of times sent. An entry is sorted in once for each tier it
 * passes, so a large backlog costs n log n in all, not in every message.
 */
import type { PeerId } from '../base/ids.ts'
import type { Claim } from './claim.ts'

interface Entry {
  readonly claim: Claim
  readonly bytes: number
  readonly order: number
  sent: number
  /** Replaced: skipped and dropped when met. */
  stale: boolean
}

interface Tier {
  /** Ascending, so that the best is last. Valid only while `sorted`. */
  entries: Entry[]
  sorted: boolean
}

/** A message passes over at most this many rumours that do not fit. */
const SKIPS_MAX = 32

export class Dissemination {
  readonly #current = new Map<PeerId, Entry>()
  readonly #tiers: Tier[] = []
  readonly #bytesOf: (claim: Claim) => number
  #order = 0

  constructor(bytesOf: (claim: Claim) => number) {
    this.#bytesOf = bytesOf
  }

  get size(): number {
    return this.#current.size
  }

  add(claim: Claim): void {
    this.drop(claim.id)
    const entry: Entry = {
      claim,
      bytes: this.#bytesOf(claim),
      order: this.#order++,
      sent: 0,
      stale: false,
    }
    this.#current.set(claim.id, entry)
    this.#put(entry)
  }

  drop(id: PeerId): void {
    const entry = this.#current.get(id)
    if (entry === undefined) return
    entry.stale = true
    this.#current.delete(id)
  }

  /** Takes rumours for one message; each counts as sent, and leaves after `limit` times. */
  take(budgetBytes: number, countMax: number, limit: number): Claim[] {
    if (this.#current.size === 0) return []
    const taken: Entry[] = []
    let left = budgetBytes
    for (const tier of this.#tiers) {
      if (taken.length >= countMax) break
      left = this.#takeFrom(tier, left, countMax, taken)
    }
    for (const entry of taken) {
      entry.sent++
      if (entry.sent < limit) this.#put(entry)
      else this.#current.delete(entry.claim.id)
    }
    return taken.map(({ claim }) => claim)
  }

  #takeFrom(tier: Tier, budget: number, countMax: number, taken: Entry[]): number {
    if (!tier.sorted) {
      tier.entries = tier.entries.filter(({ stale }) => !stale).sort(worstFirst)
      tier.sorted = true
    }
    let left = budget
    const skipped: Entry[] = []
    while (taken.length < countMax && skipped.length < SKIPS_MAX) {
      const entry = tier.entries.pop()
      if (entry === undefined) break
      if (entry.stale) continue
      if (entry.bytes > left) {
        skipped.push(entry)
        continue
      }
      taken.push(entry)
      left -= entry.bytes
    }
    while (skipped.length > 0) tier.entries.push(skipped.pop() as Entry)
    return left
  }

  #put(entry: Entry): void {
    while (this.#tiers.length <= entry.sent) this.#tiers.push({ entries: [], sorted: true })
    const tier = this.#tiers[entry.sent] as Tier
    if (tier.entries.length > 2 * this.#current.size + 64) {
      tier.entries = tier.entries.filter(({ stale }) => !stale)
    }
    tier.entries.push(entry)
    tier.sorted = false
  }
}

function worstFirst(a: Entry, b: Entry): number {
  return a.bytes - b.bytes || a.order - b.order
}
