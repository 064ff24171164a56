/**
 * Elements of a large JSON document, one at a time: of the array that it is, or of one array in
 * the object that it is. The document is cut, and only its pieces are parsed, each within a bound:
 * no parser of JSON streams that we found has one on what it collects.
 *
 * What lies between the pieces is checked as strictly as the pieces are.
 */
import { isUtf8 } from 'node:buffer'
import { AtollError } from '../../base/errors.ts'
import { jsonExcess } from '../../base/json-scan.ts'
import { RPC_LIMITS } from '../../rpc/limits.ts'
import type { ByteInput } from './byte-input.ts'

/** `null`: over the bound, so it was passed over. */
export type JsonPiece = { readonly json: unknown } | null

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** Elements of the array that begins here. */
export async function* arrayElements(input: ByteInput): AsyncGenerator<JsonPiece, void, undefined> {
  await expect(input, OPEN_ARRAY)
  if ((await next(input)) === CLOSE_ARRAY) return input.advance(1)
  for (;;) {
    yield await piece(input)
    const after = await next(input)
    input.advance(1)
    if (after === CLOSE_ARRAY) return
    if (after !== COMMA) throw malformed(input)
  }
}

/**
 * Elements of the array `name` of the object that begins here. `onMember` is told that it is there,
 * and the other members that are within the bound.
 */
export async function* memberElements(
  input: ByteInput,
  name: string,
  onMember: (name: string, json: unknown) => void,
): AsyncGenerator<JsonPiece, void, undefined> {
  await expect(input, OPEN_OBJECT)
  if ((await next(input)) === CLOSE_OBJECT) return input.advance(1)
  for (;;) {
    if ((await next(input)) !== QUOTE) throw malformed(input)
    const key = (await piece(input))?.json
    await expect(input, COLON)
    if (key === name && (await next(input)) === OPEN_ARRAY) {
      onMember(name, null)
      yield* arrayElements(input)
    } else {
      const member = await piece(input)
      if (typeof key === 'string' && member !== null) onMember(key, member.json)
    }
    const after = await next(input)
    input.advance(1)
    if (after === CLOSE_OBJECT) return
    if (after !== COMMA) throw malformed(input)
  }
}

/** The next byte that is no blank, not read yet. */
async function next(input: ByteInput): Promise<number> {
  const byte = await nextOrEnd(input)
  if (byte === null) throw input.ended()
  return byte
}

/** The same; null at the end. */
export async function nextOrEnd(input: ByteInput): Promise<number | null> {
  for (;;) {
    const ahead = await input.ahead()
    if (ahead.length === 0) return null
    let at = 0
    while (at < ahead.length && isBlank(ahead[at])) at++
    input.advance(at)
    if (at < ahead.length) return ahead[at] ?? null
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

async function expect(input: ByteInput, byte: number): Promise<void> {
  if ((await next(input)) !== byte) throw malformed(input)
  input.advance(1)
}

/** The value that begins here. */
async function piece(input: ByteInput): Promise<JsonPiece> {
  await next(input)
  const start = input.offset
  const scan = new ValueScan()
  const parts: Buffer[] = []
  let bytes = 0
  while (!scan.ended) {
    const ahead = await input.ahead()
    // A number at the very end ends there too; everything else does not.
    if (ahead.length === 0) throw input.ended()
    const used = scan.scan(ahead)
    bytes += used
    if (bytes <= RPC_LIMITS.lineBytesMax) parts.push(ahead.subarray(0, used))
    else parts.length = 0
    input.advance(used)
  }
  if (bytes > RPC_LIMITS.lineBytesMax) return null
  const whole = Buffer.concat(parts)
  if (!isUtf8(whole)) throw malformedAt(start)
  const text = whole.toString('utf8')
  const { depthMax, elementsMax } = RPC_LIMITS
  if (jsonExcess(text, depthMax, elementsMax) !== null) return null
  try {
    return { json: JSON.parse(text) as unknown }
  } catch {
    throw malformedAt(start)
  }
}

/** Finds where a JSON value ends, without checking what is in it. */
class ValueScan {
  #depth = 0
  #inString = false
  #escaped = false
  #begun = false
  ended = false

  /** Bytes of the chunk that belong to the value. */
  scan(chunk: Buffer): number {
    let at = 0
    while (at < chunk.length && !this.ended) {
      if (this.#inString) at = this.#string(chunk, at)
      else if (this.#isAfter(chunk[at] as number)) this.ended = true
      else at = this.#plain(chunk[at] as number, at)
    }
    return at
  }

  /** A bare word or number is ended by what follows it. */
  #isAfter(byte: number): boolean {
    if (this.#depth > 0 || !this.#begun) return false
    return byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT || isBlank(byte)
  }

  #plain(byte: number, at: number): number {
    this.#begun = true
    if (byte === QUOTE) this.#inString = true
    else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) this.#depth++
    else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) this.ended = --this.#depth <= 0
    return at + 1
  }

  #string(chunk: Buffer, from: number): number {
    for (let at = from; at < chunk.length; at++) {
      const byte = chunk[at]
      if (this.#escaped) this.#escaped = false
      else if (byte === BACKSLASH) this.#escaped = true
      else if (byte === QUOTE) {
        this.#inString = false
        this.ended = this.#depth === 0
        return at + 1
      }
    }
    return chunk.length
  }
}

function malformed(input: ByteInput): AtollError {
  return malformedAt(input.offset)
}

function malformedAt(offset: number): AtollError {
  return new AtollError('USAGE', `the input is not JSON from byte ${offset} on`)
}
