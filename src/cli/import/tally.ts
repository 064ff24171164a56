/** What an import has to say at its end: what was left out, or not kept whole, and how often. */
import { plural } from '../../base/plural.ts'
import type { LeftOutEntry } from './import-entry.ts'

/** Reasons that are told apart. */
const REASONS_MAX = 32
const OTHERS = 'of other kinds: left out'

export class Tally {
  /** At most REASONS_MAX, and OTHERS. */
  readonly #counts = new Map<string, number>()
  /** A few a dump. */
  readonly #notes: string[] = []
  #failed = 0

  /** Left out without having been asked for. */
  get failed(): number {
    return this.#failed
  }

  leftOut({ why, fails }: LeftOutEntry): void {
    if (fails) this.#failed++
    this.#count(`${why}: left out`)
  }

  lost(what: string): void {
    this.#count(what)
  }

  note(text: string): void {
    if (this.#notes.length < REASONS_MAX) this.#notes.push(text)
  }

  notes(): readonly string[] {
    const counted = [...this.#counts].map(([what, count]) => `${plural(count, 'key')} ${what}`)
    return [...counted, ...this.#notes]
  }

  #count(what: string): void {
    const full = this.#counts.size >= REASONS_MAX && !this.#counts.has(what)
    const name = full ? OTHERS : what
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }
}
