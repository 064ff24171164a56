/**
 * Counters that are given once each and follow hybrid time: what makes ballots unique, in which
 * everything else of them may repeat.
 *
 * Normally they only grow. But a clock that was days ahead for a moment must not leave its owner
 * above what anybody takes, until it is started anew. So the source remembers where it left the
 * time (`#jumps`), and when its counters are refused as too far ahead, and its own clock says the
 * same by now, it goes back to where it jumped from. What it gave above is kept (`#given`) and left
 * out when time comes by. Both are bounded by forgetting on the safe side: an old jump is not gone
 * back from any more, and two ranges become one with all that lies between them.
 *
 * Going back needs nothing durable, since each start of a process has a boot number of its own.
 */
import { counterAfter, counterLimit, SKEW_MS_MAX, UNITS_PER_MS } from './hybrid-time.ts'

interface Range {
  readonly from: number
  readonly to: number
}

/** More than a day at once is a jump: the clock was set, or somebody was followed. */
const JUMP = SKEW_MS_MAX * UNITS_PER_MS
export const JUMPS_MAX = 16

export class CounterSource {
  #last = 0
  /** Upwards, oldest first: from below it to the first counter above it. */
  #jumps: { readonly below: number; readonly first: number }[] = []
  /** Ranges that it went back from, of which counters were given; ascending and apart. */
  #given: Range[] = []

  /** The one that was given last, or that it has gone back to. */
  get last(): number {
    return this.#last
  }

  /** One that was never given, above `floor` and `last`. Throws INTERNAL when they run out. */
  next(floor: number, wallMs: number): number {
    let counter = counterAfter(Math.max(floor, this.#last), wallMs)
    for (const { from, to } of this.#given) {
      if (from <= counter && counter <= to) counter = counterAfter(to, wallMs)
    }
    if (counter - this.#last > JUMP) {
      // What had to be exceeded stays exceeded, unless it is what made it leap.
      const below = floor - this.#last > JUMP ? this.#last : Math.max(this.#last, floor)
      this.#jumps.push({ below, first: counter })
    }
    if (this.#jumps.length > JUMPS_MAX) this.#jumps.shift()
    this.#last = counter
    return counter
  }

  /** Somebody calls our counters too far ahead. Back to what this clock believes of itself. */
  goBack(wallMs: number): void {
    const limit = counterLimit(0, wallMs)
    while (this.#last > limit) {
      const jump = this.#jumps.pop()
      if (jump === undefined) return
      this.#given = joined([...this.#given, { from: jump.first, to: this.#last }])
      this.#last = jump.below
    }
  }
}

/** In order and apart. Beyond what is kept the highest become one: time comes there last. */
function joined(ranges: readonly Range[]): Range[] {
  const apart: Range[] = []
  for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = apart.at(-1)
    if (last === undefined || (range.from > last.to && apart.length < JUMPS_MAX)) apart.push(range)
    else apart[apart.length - 1] = { from: last.from, to: Math.max(last.to, range.to) }
  }
  return apart
}
