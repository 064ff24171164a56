/**
 * Linearizability of any object that a small model describes: Wing and Gong's search ("Testing and
 * verifying concurrent objects", JPDC 17, 1993) as improved by Lowe ("Testing for linearizability",
 * 2017): the set of (operations placed, state) already met is remembered, so nothing is explored
 * twice.
 *
 * One key at a time. An unknown operation may be placed anywhere after its start, or nowhere. The
 * search is bounded; past the bound the verdict is `unknown`.
 */
import type { Operation } from './history.ts'
import { invalid, VALID, type Verdict } from './verdict.ts'

/** Not null: that is a fine value of a register. */
export const IMPOSSIBLE: unique symbol = Symbol('impossible')

/** State must be a value that prints (JSON) the same exactly when it is the same. */
export interface Model<S> {
  readonly initial: S
  /** The state after the operation, or IMPOSSIBLE when it could not have been answered like that. */
  step(state: S, operation: Operation): S | typeof IMPOSSIBLE
}

const OPERATIONS_MAX = 500
const STEPS_MAX = 2_000_000

export function checkLinearizable<S>(
  operations: readonly Operation[],
  model: Model<S>,
  stepsMax = STEPS_MAX,
): Verdict {
  // An unknown read tells nothing and does nothing.
  const relevant = operations
    .filter(({ f, outcome }) => outcome !== 'fail' && !(f === 'read' && outcome === 'info'))
    .sort((a, b) => a.start - b.start)
  if (relevant.length > OPERATIONS_MAX) {
    return { kind: 'unknown', why: `${relevant.length} operations on one key are too many` }
  }
  return new Search(relevant, model, stepsMax).run()
}

interface Frame<S> {
  readonly at: number
  readonly state: S
}

class Search<S> {
  readonly #operations: readonly Operation[]
  readonly #model: Model<S>
  readonly #stepsMax: number
  readonly #placed: Uint8Array
  readonly #met = new Set<string>()
  /** Operations placed so far, each with the state before it. */
  readonly #stack: Frame<S>[] = []
  /**
   * In which order operations are tried: the answered ones, then those of unknown outcome, each by
   * their start. Unknown ones are mostly not needed, and to place them first tries all sets of them.
   */
  readonly #order: readonly number[]
  readonly #certain: number
  /** Answered operations that are not placed yet. */
  #certainLeft: number
  #deepest = 0

  constructor(operations: readonly Operation[], model: Model<S>, stepsMax: number) {
    this.#operations = operations
    this.#model = model
    this.#stepsMax = stepsMax
    this.#placed = new Uint8Array(operations.length)
    const isCertain = (i: number): boolean => operations[i]?.outcome === 'ok'
    const certain = [...operations.keys()].filter(isCertain)
    this.#certain = certain.length
    this.#certainLeft = certain.length
    this.#order = [...certain, ...[...operations.keys()].filter((i) => !isCertain(i))]
  }

  run(): Verdict {
    let state = this.#model.initial
    let from = 0
    for (let steps = 0; this.#certainLeft > 0; steps++) {
      if (steps > this.#stepsMax) return { kind: 'unknown', why: `gave up after ${steps} steps` }
      const next = this.#place(state, from)
      if (next !== IMPOSSIBLE) {
        state = next
        from = 0
        continue
      }
      const last = this.#stack.pop()
      if (last === undefined) {
        return invalid(`no order explains more than ${this.#deepest} of the operations`)
      }
      this.#take(this.#order[last.at] ?? 0, 0)
      state = last.state
      from = last.at + 1
    }
    return VALID
  }

  /** Places the first operation at or after `from` that may come next. */
  #place(state: S, from: number): S | typeof IMPOSSIBLE {
    const horizon = this.#firstEndOfUnplaced()
    for (let at = from; at < this.#order.length; at++) {
      const i = this.#order[at] ?? 0
      const operation = this.#operations[i] as Operation
      if (operation.start > horizon) {
        if (at >= this.#certain) return IMPOSSIBLE
        at = this.#certain - 1
        continue
      }
      if (this.#placed[i] === 1) continue
      const after = this.#model.step(state, operation)
      if (after === IMPOSSIBLE) continue
      this.#take(i, 1)
      if (this.#isNew(after)) {
        this.#stack.push({ at, state })
        this.#deepest = Math.max(this.#deepest, this.#stack.length)
        return after
      }
      this.#take(i, 0)
    }
    return IMPOSSIBLE
  }

  #take(index: number, placed: 0 | 1): void {
    this.#placed[index] = placed
    if (this.#operations[index]?.outcome === 'ok') this.#certainLeft += placed === 1 ? -1 : 1
  }

  /** Whatever starts after something else ended cannot come before it. */
  #firstEndOfUnplaced(): number {
    let first = Number.POSITIVE_INFINITY
    for (const [i, operation] of this.#operations.entries()) {
      if (operation.start > first) break
      if (this.#placed[i] === 0) first = Math.min(first, operation.end)
    }
    return first
  }

  #isNew(state: S): boolean {
    const key = `${bits(this.#placed)} ${JSON.stringify(state)}`
    if (this.#met.has(key)) return false
    this.#met.add(key)
    return true
  }
}

function bits(placed: Uint8Array): string {
  let text = ''
  for (let i = 0; i < placed.length; i += 16) {
    let unit = 0
    for (let j = 0; j < 16; j++) unit = unit * 2 + (placed[i + j] ?? 0)
    text += String.fromCharCode(unit)
  }
  return text
}

/** A register with compare-and-set; `ok` of a cas means that it found what it expected. */
export const casRegister: Model<unknown> = {
  initial: null,
  step(state, { f, value, outcome }) {
    switch (f) {
      case 'read':
        return same(state, value) ? state : IMPOSSIBLE
      case 'write':
        return value
      case 'cas': {
        const [expected, replacement] = value as readonly [unknown, unknown]
        if (same(state, expected)) return replacement
        // Unknown: it may as well have found something else and changed nothing.
        return outcome === 'info' ? state : IMPOSSIBLE
      }
      case 'delete':
        return null
      case 'acquire':
      case 'release':
        return IMPOSSIBLE
      default:
        return f satisfies never
    }
  },
}

/** A lock: who holds it, '' when nobody does. The value of a call names the holder. */
export const lock: Model<string> = {
  initial: '',
  step(state, { f, value, outcome }) {
    const holder = String(value)
    if (f === 'acquire' && state === '') return holder
    if (f === 'release' && state === holder) return ''
    return outcome === 'info' ? state : IMPOSSIBLE
  },
}

function same(a: unknown, b: unknown): boolean {
  return a === b || JSON.stringify(a) === JSON.stringify(b)
}
