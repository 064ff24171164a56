/**
 * What has been told of keys, for all streams of a node: by it nothing is told twice, and nothing
 * goes back. Bounded by bytes: the key that was told of longest ago is forgotten first. Then it is
 * known that something was forgotten which may have been this key; who is told of it next reads it.
 */
import { crc32 } from 'node:zlib'
import { TOLD_BYTES_MAX } from '../limits.ts'
import type { StoreRecord } from '../record.ts'

export interface Told {
  readonly record: StoreRecord
  /** How many values were shown of it: those that run out are no change of the record. */
  readonly shown: number
  /** By the time of which. */
  readonly atMs: number
  /** The turn of the stream in which it was told last. */
  readonly turn: number
  /** About what the record takes. */
  readonly recordBytes: number
}

/** What a key costs besides its record and its name. */
const OVERHEAD = 200
/** Keys that were forgotten are found again among so many places, none ever missed. */
const PLACES = 2 ** 22

/** Names of the keys of one stream begin with its number. */
export class ToldKeys {
  readonly #bytesMax: number
  /** In order of telling, oldest first. */
  readonly #told = new Map<string, Told>()
  #bytes = 0
  readonly #streams = new Set<number>()
  /** One bit a place; made when the first is forgotten. */
  #forgotten: Uint8Array | null = null

  constructor(bytesMax = TOLD_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get(stream: number, key: string): Told | undefined {
    return this.#told.get(nameOf(stream, key))
  }

  /** Whether it may have been told, and what is not known any more. False is certain. */
  mayBeForgotten(stream: number, key: string): boolean {
    const name = nameOf(stream, key)
    if (this.#forgotten === null || this.#told.has(name)) return false
    const place = placeOf(name)
    return ((this.#forgotten[place >> 3] ?? 0) & (1 << (place & 7))) !== 0
  }

  set(stream: number, key: string, told: Told): void {
    const name = nameOf(stream, key)
    this.#drop(name)
    this.#told.set(name, told)
    this.#bytes += bytesOf(name, told)
    while (this.#bytes > this.#bytesMax) this.#forgetOldest()
  }

  enter(stream: number): void {
    this.#streams.add(stream)
  }

  /** The stream has ended. What was told by it goes as what is oldest, or with the last stream. */
  leave(stream: number): void {
    this.#streams.delete(stream)
    if (this.#streams.size > 0) return
    this.#told.clear()
    this.#bytes = 0
    this.#forgotten = null
  }

  #drop(name: string): void {
    const told = this.#told.get(name)
    if (told === undefined) return
    this.#told.delete(name)
    this.#bytes -= bytesOf(name, told)
  }

  #forgetOldest(): void {
    for (const name of this.#told.keys()) {
      this.#drop(name)
      if (!this.#streams.has(Number.parseInt(name, 10))) return
      this.#forgotten ??= new Uint8Array(PLACES / 8)
      const place = placeOf(name)
      this.#forgotten[place >> 3] = (this.#forgotten[place >> 3] ?? 0) | (1 << (place & 7))
      return
    }
  }
}

function nameOf(stream: number, key: string): string {
  return `${stream}/${key}`
}

function bytesOf(name: string, { recordBytes }: Told): number {
  return recordBytes + name.length + OVERHEAD
}

function placeOf(name: string): number {
  return crc32(name) % PLACES
}
