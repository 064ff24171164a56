/**
 * One key that is watched on this node: what is known to be chosen, for all its readers, and what
 * each of them has still to be shown.
 *
 * What a reader is shown only gets newer. A reader begins as a read would: with what is found by one
 * that began after it came. From then on it takes whatever is newer. A register that was deleted
 * and forgotten has no revision to be newer by: it is gone when a read finds nothing that began when
 * there was known to be something, be it here or where the reader comes from.
 */
import { ABSENT, type Register } from './register.ts'
import { isBefore, type Point, UNSEEN } from './version.ts'

/** What was known when a read began: by it the result is judged. */
export interface Beginning {
  readonly point: Point
  /** Number of the last reader that had come. */
  readonly reader: number
}

export interface Shown {
  readonly register: Register
  readonly point: Point
}

export class Watched {
  #newest: Shown = { register: ABSENT, point: UNSEEN }
  /** The highest revision that somebody has spoken of. */
  #hinted = 0
  /** At most WATCHERS_MAX, over all keys. */
  readonly #readers = new Set<Reader>()
  /** Number of the last reader that came, and of the last that has begun. */
  #came = 0
  #begun = 0
  isReading = false
  /** Something was spoken of that our own proposer is about to settle. */
  isExpecting = false

  /** Of what is known to be chosen; 0 when nothing is. */
  get revision(): number {
    return Math.max(0, this.#newest.point.revision)
  }

  get isUnwatched(): boolean {
    return this.#readers.size === 0
  }

  /** Nothing is spoken of that was not found, and nobody waits for a first look. */
  get isSettled(): boolean {
    return this.#hinted <= this.revision && !this.isAwaited
  }

  /** Somebody waits for a first look. */
  get isAwaited(): boolean {
    return this.#begun < this.#came
  }

  get hinted(): number {
    return this.#hinted
  }

  enter(after: Point): Reader {
    const reader = new Reader(++this.#came, after)
    this.#readers.add(reader)
    return reader
  }

  leave(reader: Reader): void {
    this.#readers.delete(reader)
  }

  /** Whether a read may find more than is known. A revision of 0: nothing is there any more. */
  hint(revision: number): boolean {
    if (revision === 0) return this.#newest.register.kind !== 'absent'
    this.#hinted = Math.max(this.#hinted, revision)
    return revision > this.revision
  }

  /** What was spoken of will not come to be. */
  dismissHint(): void {
    this.#hinted = this.revision
  }

  /** A linearizable read begins; its result is given to `found`. */
  begin(): Beginning {
    return { point: this.#newest.point, reader: this.#came }
  }

  found(register: Register, { point, reader }: Beginning): void {
    this.#begun = Math.max(this.#begun, reader)
    // If somebody has changed it meanwhile, the read may have been before that.
    const isNothing = register.revision === 0 && this.#newest.point === point
    if (isNothing && this.#newest.register.kind !== 'absent') {
      this.#newest = { register, point: { ...point, isGone: true } }
    } else {
      this.#take(register)
    }
    this.#show(isNothing)
  }

  /** Known to be chosen without a read. */
  chosen(register: Register): void {
    this.#take(register)
    this.#show(false)
  }

  wakeAll(): void {
    for (const reader of this.#readers) reader.wake()
  }

  #take(register: Register): void {
    const point = { revision: register.revision, isGone: false }
    if (isBefore(this.#newest.point, point)) this.#newest = { register, point }
  }

  #show(isNothing: boolean): void {
    for (const reader of this.#readers) {
      if (reader.number <= this.#begun) reader.offer(this.#newest, isNothing)
    }
  }
}

/** Holds one state at most: a reader that is slow sees the last of many. */
export class Reader {
  readonly number: number
  #seen: Point
  #next: Shown | null = null
  #wake: () => void = () => {}

  constructor(number: number, seen: Point) {
    this.number = number
    this.#seen = seen
  }

  /** `isNothing`: a read that began after this reader came has found nothing. */
  offer({ register, point }: Shown, isNothing: boolean): void {
    const { revision } = this.#seen
    // It comes from where more was seen than here: then that is gone.
    const isElsewhere = isNothing && revision > point.revision
    const at = isElsewhere ? { revision, isGone: true } : point
    if (!isBefore(this.#seen, at)) return
    this.#next = { register, point: at }
    this.#wake()
  }

  take(): Shown | null {
    const next = this.#next
    if (next === null) return null
    this.#next = null
    this.#seen = next.point
    return next
  }

  waiting(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }

  wake(): void {
    this.#wake()
  }
}
