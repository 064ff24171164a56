/**
 * Whether what somebody asks for is asked for now, by clocks that need not agree. A connection that
 * was cut keeps what was sent on it, and brings it when the cut is over, long after its sender gave
 * it up. A blind write that is made then replaces what was acknowledged in the meantime.
 *
 * So each answer carries a **mark**, a reading of the clock of who gives it, and the next question
 * brings it back with how long ago it came: it was sent after that moment, and that long after. Who
 * has no mark is given one and asks again.
 */
import type { PeerId } from '../base/ids.ts'
import type { Clock } from '../seams/clock.ts'
import type { WireReader, WireWriter } from '../wire/codec.ts'

/** Of whose process, and when by its clock; boot 0: there is none. */
export interface Mark {
  readonly boot: number
  readonly atMs: number
}

/** How long before the question the mark came. */
export interface AgedMark extends Mark {
  readonly ageMs: number
}

/** Clocks that run at other speeds differ by little until then. */
const AGE_MS_MAX = 10 * 60_000
/** Readings are rounded, and clocks drift. */
const TOLERANCE_MS = 1000
/** Peers whose marks are kept; who has none asks twice. */
export const MARKS_MAX = 1024
const NO_MARK: AgedMark = { boot: 0, atMs: 0, ageMs: 0 }

export function markOf(boot: number, clock: Clock): Mark {
  return { boot, atMs: Math.floor(clock.monotonicMs()) }
}

/** Whether it surely was asked at most `lateMs` ago, of this very process. */
export function isFresh({ boot, atMs, ageMs }: AgedMark, now: Mark, lateMs: number): boolean {
  if (boot !== now.boot) return false
  const late = now.atMs - atMs - ageMs
  return late >= -TOLERANCE_MS && late <= lateMs
}

/** The last mark of each peer. */
export class Marks {
  readonly #clock: Clock
  /** Oldest first; at most MARKS_MAX. */
  readonly #marks = new Map<PeerId, { readonly mark: Mark; readonly cameMs: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  came(peer: PeerId, mark: Mark): void {
    this.#marks.delete(peer)
    this.#marks.set(peer, { mark, cameMs: this.#clock.monotonicMs() })
    for (const oldest of this.#marks.keys()) {
      if (this.#marks.size <= MARKS_MAX) break
      this.#marks.delete(oldest)
    }
  }

  of(peer: PeerId): AgedMark {
    const known = this.#marks.get(peer)
    if (known === undefined) return NO_MARK
    const ageMs = Math.floor(this.#clock.monotonicMs() - known.cameMs)
    return ageMs > AGE_MS_MAX ? NO_MARK : { ...known.mark, ageMs }
  }
}

export function writeMark(out: WireWriter, { boot, atMs }: Mark): WireWriter {
  return out.uint(boot).uint(atMs)
}

export function readMark(from: WireReader): Mark {
  return { boot: from.uint(), atMs: from.uint() }
}
