/**
 * What peers asked that nobody should: counted by reason, and logged once a peer and reason, so that
 * whoever goes on asking can neither hide nor fill the log.
 */
import type { PeerId } from '../base/ids.ts'

/** Pairs of peer and reason that are kept; what comes then is counted only. */
export const NOTED_MAX = 1000

export interface Refusal {
  readonly peer: PeerId
  readonly reason: string
  readonly why: string
}

export class Refusals<Reason extends string> {
  readonly counts: Readonly<Record<Reason, number>>
  readonly #tell: (refusal: Refusal) => void
  readonly #noted = new Set<string>()

  /** `tell` writes to the log. */
  constructor(reasons: readonly Reason[], tell: (refusal: Refusal) => void) {
    this.#tell = tell
    const none = reasons.map((reason) => [reason, 0] as const)
    this.counts = Object.fromEntries(none) as Record<Reason, number>
  }

  get total(): number {
    return Object.values<number>(this.counts).reduce((sum, count) => sum + count, 0)
  }

  note(peer: PeerId, reason: Reason, why: string): void {
    const counts: Record<Reason, number> = this.counts
    counts[reason]++
    const pair = `${reason} ${peer}`
    if (this.#noted.has(pair) || this.#noted.size >= NOTED_MAX) return
    this.#noted.add(pair)
    this.#tell({ peer, reason, why })
  }
}
