/**
 * The trace of a run, folded into 64 bits: two runs that did the same things at the same times
 * have the same hash. With a sink, every event is also told in words, to find where two differ.
 */
export const EVENT_KINDS = {
  main: 1,
  timer: 2,
  soon: 3,
  frame: 4,
  path: 5,
  link: 6,
  disk: 7,
  client: 8,
  fault: 9,
} as const

export type EventKind = keyof typeof EVENT_KINDS

const KIND_NAMES = Object.keys(EVENT_KINDS)

export type TraceSink = (line: string) => void

export class Trace {
  readonly #sink: TraceSink | null
  #a = 0x9e3779b9 | 0
  #b = 0x85ebca6b | 0
  #events = 0

  constructor(sink: TraceSink | null = null) {
    this.#sink = sink
  }

  get events(): number {
    return this.#events
  }

  get hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')
    return hex(this.#a) + hex(this.#b)
  }

  add(timeUs: number, process: number, kind: number, label: number): void {
    this.#events++
    this.#mix(timeUs | 0)
    this.#mix((timeUs / 0x100000000) | 0)
    this.#mix((process << 8) | kind)
    this.#mix(label | 0)
    this.#sink?.(`${timeUs} p${process} ${KIND_NAMES[kind - 1] ?? kind} ${label}`)
  }

  #mix(word: number): void {
    const a = Math.imul(this.#a ^ word, 0xcc9e2d51)
    this.#a = ((a << 15) | (a >>> 17)) ^ this.#b
    const b = Math.imul(this.#b + word, 0x1b873593)
    this.#b = (b ^ (b >>> 13)) + this.#a
    this.#b |= 0
  }
}
