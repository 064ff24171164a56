/**
 * Refuses ballots from the far future, so that no wild clock uses up the numbers there are
 * (registers.md §1). The measure is this machine's clock or the highest counter ever taken here,
 * whichever is later: a machine that starts in 1970 takes what it took before.
 */
import type { Database, Write } from '../disk/database.ts'
import type { Clock } from '../seams/clock.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { UNITS_PER_MS } from './ballot-clock.ts'
import { SKEW_MS_MAX } from './limits.ts'

const KEY = 'paxos/counter'
/** The mark is written this far ahead, so that few writes carry it. */
const STRIDE = 60 * 60 * 1000 * UNITS_PER_MS

export class CounterGuard {
  readonly #clock: Clock
  /** Not below what is stored, but for a moment: it guards numbers, and no promise rests on it. */
  #mark: number

  constructor(database: Database, clock: Clock) {
    this.#clock = clock
    const stored = database.get(KEY)
    this.#mark = stored === undefined ? 0 : new WireReader(stored).uint()
  }

  isTooFarAhead(counter: number): boolean {
    const now = this.#clock.wallMs() * UNITS_PER_MS
    return counter > Math.max(now, this.#mark) + SKEW_MS_MAX * UNITS_PER_MS
  }

  /** What belongs into the batch that takes the counter; mostly nothing. */
  note(counter: number): readonly Write[] {
    if (counter <= this.#mark) return []
    this.#mark = counter + STRIDE
    return [{ key: KEY, value: new WireWriter().uint(this.#mark).finish() }]
  }
}
