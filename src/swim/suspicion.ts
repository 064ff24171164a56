/**
 * How long a suspicion lasts: Lifeguard's local-health-aware suspicion (§4.2), and our stronger
 * evidence beside it.
 *
 * A suspicion starts long, since a lone accuser may be the one that is ill, and shrinks with each
 * further member that accuses independently. Silence is the weak kind of evidence. The strong
 * kind is the word of the accused's own machine: its port is closed, or another process answers.
 * A firewall may lie so to one member, but hardly to several; when enough of them met it, one
 * protocol period is left to refute.
 */
import type { PeerId } from '../base/ids.ts'
import type { Accusation } from './claim.ts'
import { ACCUSATIONS_MAX } from './limits.ts'
import type { SwimProfile } from './parameters.ts'

type Mults = Pick<SwimProfile, 'periodMs' | 'suspicionMult'>

/** suspicionMult · max(1, log10(max(1, n))) · period. */
export function suspicionMinMs(profile: Mults, size: number): number {
  return profile.suspicionMult * Math.max(1, Math.log10(Math.max(1, size))) * profile.periodMs
}

/** k: further accusers after which suspicion is shortest. None where there are too few members. */
export function confirmationsWanted(suspicionMult: number, size: number): number {
  const wanted = Math.max(0, suspicionMult - 2)
  return size - 2 < wanted ? 0 : wanted
}

/** Members that must have met strong evidence: never one alone. */
export function strongQuorum(suspicionMult: number): number {
  return Math.max(2, suspicionMult - 2)
}

/** max(min, max − (max − min) · ln(C + 1) / ln(k + 1)); min when nobody can confirm. */
export function suspicionMs(
  minMs: number,
  maxMs: number,
  wanted: number,
  confirmed: number,
): number {
  if (wanted < 1) return minMs
  const share = Math.log(confirmed + 1) / Math.log(wanted + 1)
  return Math.max(minMs, maxMs - (maxMs - minMs) * share)
}

export class Suspicion {
  readonly #startedAt: number
  readonly #minMs: number
  readonly #maxMs: number
  readonly #periodMs: number
  readonly #mult: number
  #wanted: number
  readonly #quorum: number
  /** Accusers, first one first, and whether their evidence is strong. At most ACCUSATIONS_MAX. */
  readonly #accusers = new Map<PeerId, boolean>()
  /** Once: see `postpone`. */
  #extraMs = 0

  constructor(profile: SwimProfile, size: number, now: number, first: Accusation) {
    this.#startedAt = now
    this.#minMs = suspicionMinMs(profile, size)
    this.#maxMs = profile.suspicionMaxMult * this.#minMs
    this.#periodMs = profile.periodMs
    this.#mult = profile.suspicionMult
    this.#wanted = confirmationsWanted(this.#mult, size)
    this.#quorum = strongQuorum(profile.suspicionMult)
    this.#accusers.set(first.by, first.strong)
  }

  /** True when this is worth telling others: it brings the end nearer. */
  accuse({ by, strong }: Accusation): boolean {
    const known = this.#accusers.get(by)
    if (known === true || (known === false && !strong)) return false
    if (known === undefined && this.#accusers.size >= ACCUSATIONS_MAX) return false
    const before = this.deadline
    this.#accusers.set(by, strong)
    return this.deadline < before || (strong && this.#strong <= this.#quorum)
  }

  /** Fewer or more members are left who could confirm it. True when that moves the end. */
  resize(size: number): boolean {
    const before = this.deadline
    this.#wanted = confirmationsWanted(this.#mult, size)
    return this.deadline !== before
  }

  /** The accuser reached the accused after all; its silence may still count. */
  withdraw(by: PeerId): void {
    if (this.#accusers.has(by)) this.#accusers.set(by, false)
  }

  /** The first accuser does not confirm itself. */
  get confirmed(): number {
    return Math.min(this.#accusers.size - 1, this.#wanted)
  }

  get #strong(): number {
    let count = 0
    for (const strong of this.#accusers.values()) if (strong) count++
    return count
  }

  get deadline(): number {
    const weak = suspicionMs(this.#minMs, this.#maxMs, this.#wanted, this.confirmed)
    const ms = this.#strong >= this.#quorum ? Math.min(this.#periodMs, weak) : weak
    return this.#startedAt + ms + this.#extraMs
  }

  /**
   * Our own process stood still while this ran out, and a refutation may lie unread before it:
   * one more period from now, once. False when that was used up.
   */
  postpone(now: number): boolean {
    if (this.#extraMs > 0) return false
    this.#extraMs = now + this.#periodMs - this.deadline
    return true
  }

  accusations(): readonly Accusation[] {
    return [...this.#accusers].map(([by, strong]) => ({ by, strong }))
  }
}
