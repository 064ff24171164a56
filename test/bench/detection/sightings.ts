/**
 * Who saw what of whom, and when: the one record on which Serf and we are compared. Times are this
 * process's, taken as the news arrives from the observer, the same way for both.
 */
import { setTimeout as delay } from 'node:timers/promises'

export type ChangeKind = 'alive' | 'suspect' | 'dead' | 'left'

export interface Sighting {
  readonly observer: string
  readonly kind: ChangeKind
  readonly member: string
  readonly atMs: number
}

/** When the first and the last observer heard, counted from the cause. */
export interface Spread {
  readonly firstMs: number
  readonly allMs: number
}

/** What was said of members although nothing had happened to them. */
export interface FalseAlarms {
  /** Pairs of an observer and a member that it called dead. */
  readonly failures: number
  /** Times that a member was suspected by whomever: see `episodes`. */
  readonly suspicions: number
}

/** Suspicions of one member that lie closer together than this are one and the same. */
const EPISODE_GAP_MS = 5_000

export class Sightings {
  /** Bounded by the length of a run: a few changes a member and observer for each planned fault. */
  readonly #all: Sighting[] = []

  add(sighting: Sighting): void {
    this.#all.push(sighting)
  }

  since(fromMs: number): readonly Sighting[] {
    return this.#all.filter(({ atMs }) => atMs >= fromMs)
  }

  /** Waits until every one of `observers` has heard; rejects if one has not within `timeoutMs`. */
  async heard(
    observers: readonly string[],
    kind: ChangeKind,
    member: string,
    fromMs: number,
    timeoutMs = 60_000,
  ): Promise<Spread> {
    const end = performance.now() + timeoutMs
    for (;;) {
      const spread = spreadOf(this.since(fromMs), observers, kind, member, fromMs)
      if (spread !== null) return spread
      if (performance.now() > end) throw new Error(`not all heard that ${member} is ${kind}`)
      await delay(10)
    }
  }
}

/** Null until all have heard. What counts for an observer is the first time that it hears. */
export function spreadOf(
  sightings: readonly Sighting[],
  observers: readonly string[],
  kind: ChangeKind,
  member: string,
  fromMs: number,
): Spread | null {
  const times: number[] = []
  for (const observer of observers) {
    const heard = sightings.find(
      (each) => each.observer === observer && each.kind === kind && each.member === member,
    )
    if (heard === undefined) return null
    times.push(heard.atMs - fromMs)
  }
  return { firstMs: Math.min(...times), allMs: Math.max(...times) }
}

export function falseAlarms(sightings: readonly Sighting[]): FalseAlarms {
  const dead = sightings.filter(({ kind }) => kind === 'dead')
  const pairs = new Set(dead.map(({ observer, member }) => `${observer} ${member}`))
  return { failures: pairs.size, suspicions: episodes(sightings) }
}

/**
 * Suspicions counted so that it does not matter how many tell of each: Serf's prober alone does,
 * here every member that hears of it.
 */
function episodes(sightings: readonly Sighting[]): number {
  const lastMs = new Map<string, number>()
  let count = 0
  for (const { kind, member, atMs } of sightings) {
    if (kind !== 'suspect') continue
    if (atMs - (lastMs.get(member) ?? Number.NEGATIVE_INFINITY) > EPISODE_GAP_MS) count++
    lastMs.set(member, atMs)
  }
  return count
}
