/**
 * What clients asked and what they were told, one JSON object a line.
 *
 * `ok`: it happened; `fail`: it certainly did not and never will; `info`: nobody can say, and that
 * client asks nothing more under this number. Times are nanoseconds and all distinct: the last
 * three digits count the events of one microsecond, which the simulator runs one after the other,
 * so "finished before it began" is never a tie.
 */
export type HistoryType = 'invoke' | 'ok' | 'fail' | 'info'
export type HistoryFunction = 'read' | 'write' | 'delete' | 'cas' | 'acquire' | 'release'

export interface HistoryLine {
  readonly t: number
  /** Logical process: one call at a time. */
  readonly p: number
  readonly type: HistoryType
  readonly f: HistoryFunction
  readonly k: string
  /** Of a write or an ok read the value; of a cas `[expected, replacement]`. */
  readonly v: unknown
  /** Of a write: values that it replaces because its caller had read them. */
  readonly covers?: readonly unknown[]
  readonly node: string
}

/** A call with both its ends; what the checkers work on. */
export interface Operation {
  readonly process: number
  readonly f: HistoryFunction
  readonly key: string
  readonly value: unknown
  readonly covers?: readonly unknown[]
  readonly node: string
  readonly outcome: 'ok' | 'fail' | 'info'
  readonly start: number
  /** Infinity when the outcome is unknown: it may still happen at any later time. */
  readonly end: number
}

export interface Call {
  readonly process: number
  readonly f: HistoryFunction
  readonly key: string
  readonly value: unknown
  readonly covers?: readonly unknown[]
  readonly node: string
}

export class HistoryRecorder {
  readonly #nowUs: () => number
  readonly #lines: HistoryLine[] = []
  readonly #open = new Map<number, Call>()
  #lastUs = -1
  #sameUs = 0
  #processes = 0

  constructor(nowUs: () => number) {
    this.#nowUs = nowUs
  }

  get lines(): readonly HistoryLine[] {
    return this.#lines
  }

  /** A client number that was never used. */
  newProcess(): number {
    return ++this.#processes
  }

  invoke(call: Call): void {
    if (this.#open.has(call.process)) throw new Error(`process ${call.process} is still busy`)
    this.#open.set(call.process, call)
    this.#add(call, 'invoke', call.value)
  }

  /** `value`: what a read returned. */
  finish(process: number, type: 'ok' | 'fail' | 'info', value?: unknown): void {
    const call = this.#open.get(process)
    if (call === undefined) throw new Error(`process ${process} asked nothing`)
    // A retired process stays busy for ever.
    if (type !== 'info') this.#open.delete(process)
    this.#add(call, type, value === undefined ? call.value : value)
  }

  #add(call: Call, type: HistoryType, v: unknown): void {
    const us = this.#nowUs()
    this.#sameUs = us === this.#lastUs ? this.#sameUs + 1 : 0
    this.#lastUs = us
    if (this.#sameUs > 999) throw new Error('more than 1000 history events in a microsecond')
    const t = us * 1000 + this.#sameUs
    const covers = type === 'invoke' && call.covers !== undefined ? { covers: call.covers } : {}
    const { process: p, f, key: k, node } = call
    this.#lines.push({ t, p, type, f, k, v, ...covers, node })
  }
}

/** Pairs the ends of calls. One that never came back is unknown. */
export function operationsOf(lines: readonly HistoryLine[]): Operation[] {
  const open = new Map<number, HistoryLine>()
  const operations: Operation[] = []
  const close = (from: HistoryLine, type: 'ok' | 'fail' | 'info', value: unknown, end: number) =>
    operations.push({
      process: from.p,
      f: from.f,
      key: from.k,
      value,
      ...(from.covers === undefined ? {} : { covers: from.covers }),
      node: from.node,
      outcome: type,
      start: from.t,
      end: type === 'info' ? Number.POSITIVE_INFINITY : end,
    })
  for (const line of lines) {
    const from = open.get(line.p)
    if (line.type === 'invoke') {
      if (from !== undefined) throw new Error(`process ${line.p} calls twice at a time`)
      open.set(line.p, line)
    } else if (from !== undefined) {
      open.delete(line.p)
      close(from, line.type, line.v, line.t)
    }
  }
  for (const from of open.values()) close(from, 'info', from.v, Number.POSITIVE_INFINITY)
  return operations.sort((a, b) => a.start - b.start)
}

export function byKey(operations: readonly Operation[]): Map<string, Operation[]> {
  const keys = new Map<string, Operation[]>()
  for (const operation of operations) {
    const list = keys.get(operation.key)
    if (list === undefined) keys.set(operation.key, [operation])
    else list.push(operation)
  }
  return keys
}
