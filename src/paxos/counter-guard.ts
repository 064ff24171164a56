/**
 * Refuses ballots from the far future, so that no wild clock uses up the numbers there are
 * (REGISTERS.md §1). The measure is this machine's clock or the highest counter ever taken here,
 * whichever is later: a machine whose clock fell back takes what it took before. A clock that was
 * never set is no measure (base/hybrid-time.ts).
 */
import { counterLimit, UNITS_PER_MS } from '../base/hybrid-time.ts'
import type { Database, Write } from '../disk/database.ts'
import type { Clock } from '../seams/clock.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'

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
    return counter > counterLimit(this.#mark, this.#clock.wallMs())
  }

  /** What belongs into the batch that takes the counter; mostly nothing. */
  note(counter: number): readonly Write[] {
    if (counter <= this.#mark) return []
    this.#mark = counter + STRIDE
    return [{ key: KEY, value: new WireWriter().uint(this.#mark).finish() }]
  }
}
