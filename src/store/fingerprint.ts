/**
 * Fingerprints of entries: 48 bits that are equal when two replicas hold the same writes of a key.
 *
 * A dot names one write wherever it is, so a record without its values tells all: what it knows
 * and which of that it keeps. Values are not read, and a fingerprint costs less than a microsecond.
 * They find accidents, not malice: peers are members.
 *
 * The hash of the key alone says where the leaves of a hash tree end (sync/leaf-tree.ts).
 */
import { encodeRecord, recordIfSound, type StoreRecord } from './record.ts'
import { type Dot, sortedEntries } from './version-vector.ts'

export const FINGERPRINT_LIMIT = 2 ** 48

/** A hash of two lanes of 32 bits, over numbers and texts in order. */
class Mixer {
  #a = 0x9e3779b9 | 0
  #b = 0x85ebca6b | 0

  /** Its low 32 bits. */
  #word(word: number): void {
    const a = Math.imul(this.#a ^ word, 0x9e3779b1)
    const b = Math.imul(this.#b ^ word, 0x27d4eb2d)
    this.#a = a ^ (a >>> 15)
    this.#b = b ^ (b >>> 13)
  }

  uint(value: number): void {
    this.#word(value | 0)
    this.#word((value / 2 ** 32) | 0)
  }

  text(text: string): void {
    this.#word(text.length)
    for (let i = 0; i < text.length; i++) this.#word(text.charCodeAt(i))
  }

  bytes(bytes: Uint8Array): void {
    this.#word(bytes.length)
    for (const byte of bytes) this.#word(byte)
  }

  dot({ actor, n }: Dot): void {
    this.text(actor)
    this.uint(n)
  }

  /** Below FINGERPRINT_LIMIT. */
  finish(): number {
    let a = Math.imul(this.#a ^ (this.#a >>> 16), 0x85ebca6b)
    let b = Math.imul(this.#b ^ (this.#b >>> 16), 0xc2b2ae35)
    a = Math.imul(a ^ (b >>> 13), 0xc2b2ae35)
    b = Math.imul(b ^ (a >>> 16), 0x85ebca6b)
    a ^= b >>> 15
    return (b & 0xffff) * 2 ** 32 + (a >>> 0)
  }
}

/** Of a key and what is held of it. */
export function entryFingerprint(key: string, record: StoreRecord): number {
  const { known, siblings, elements, replaced } = record
  const mixer = new Mixer()
  mixer.text(key)
  mixer.uint(known.vector.size)
  for (const [actor, n] of sortedEntries(known.vector)) mixer.dot({ actor, n })
  mixer.uint(known.dots.length)
  for (const dot of known.dots) mixer.dot(dot)
  for (const written of [siblings, elements]) {
    mixer.uint(written.length)
    for (const { dot } of written) mixer.dot(dot)
  }
  // What a disk has added up to one of its writes is always the same.
  for (const sums of [known.sums, replaced]) {
    mixer.uint(sums.length)
    for (const sum of sums) {
      mixer.dot(sum)
      mixer.uint(sum.start)
    }
  }
  return mixer.finish()
}

/** As it is stored. Bytes that are no record have a fingerprint too: the other side lacks them. */
export function storedFingerprint(key: string, stored: Uint8Array): number {
  const record = recordIfSound(stored)
  if (record !== null) return entryFingerprint(key, record)
  const mixer = new Mixer()
  mixer.text(key)
  mixer.bytes(stored)
  return mixer.finish()
}

/** 32 bits that depend on the key alone: the same wherever it is. */
export function keyHash(key: string): number {
  const mixer = new Mixer()
  mixer.text(key)
  return mixer.finish() >>> 0
}

/** Of a list of numbers, in order. */
export function digestOfNumbers(numbers: readonly number[]): number {
  const mixer = new Mixer()
  for (const number of numbers) mixer.uint(number)
  return mixer.finish()
}

/** Of the fingerprints of many entries, in any order. */
export function addFingerprints(sum: number, print: number): number {
  return (sum + print) % FINGERPRINT_LIMIT
}

export function subtractFingerprints(sum: number, print: number): number {
  return (sum - print + FINGERPRINT_LIMIT) % FINGERPRINT_LIMIT
}

/** The record without its values: all that its fingerprint tells, in few bytes. */
export function headOf(record: StoreRecord): StoreRecord {
  const value = new Uint8Array()
  const siblings = record.siblings.map((sibling) => ({ ...sibling, value }))
  const elements = record.elements.map((element) => ({ ...element, value }))
  return { ...record, siblings, elements }
}

/** The head of what is stored. Empty when the bytes are no record: then whatever the other side has is better. */
export function storedHead(stored: Uint8Array): Uint8Array {
  const record = recordIfSound(stored)
  return record === null ? new Uint8Array() : encodeRecord(headOf(record))
}
