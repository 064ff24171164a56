/**
 * One record of the append log: header, then body.
 *
 *   offset 0  u32  CRC32 of everything after this field
 *   offset 4  u32  length of the body in bytes
 *   offset 8  u48  sequence number, one more than the record before it
 *   offset 14 u16  magic, so that recovery can search for a later record behind a damaged one
 *   offset 16 body
 *
 * A body is a list of writes: u8 kind (0 delete, 1 put), u32 key bytes, key, and for a put u32
 * value bytes, value. One record is one commit group: all of it happened, or none.
 */
import { crc32 } from 'node:zlib'
import { assert } from '../base/assert.ts'
import { utf8ToText } from '../base/bytes.ts'
import { damaged } from './damage.ts'
import type { Write } from './database.ts'

export const HEADER_BYTES = 16
const MAGIC = 0xa701
/** A longer body is not believed: recovery would have to read it whole. */
export const BODY_BYTES_MAX = 64 * 1024 * 1024
const WRITE_OVERHEAD_BYTES = 9

export interface LogRecord {
  readonly sequence: number
  readonly writes: readonly Write[]
  /** Where the next record begins. */
  readonly endOffset: number
}

/** Upper bound of the bytes that a write takes, found without encoding it. */
export function writeBytesMax({ key, value }: Write): number {
  return WRITE_OVERHEAD_BYTES + key.length * 3 + (value?.length ?? 0)
}

export function encodeRecord(sequence: number, writes: readonly Write[]): Uint8Array {
  let bound = HEADER_BYTES
  for (const write of writes) bound += writeBytesMax(write)
  const buffer = Buffer.allocUnsafe(bound)
  let at = HEADER_BYTES
  for (const { key, value } of writes) {
    buffer[at] = value === null ? 0 : 1
    const keyBytes = buffer.write(key, at + 5, 'utf8')
    buffer.writeUInt32LE(keyBytes, at + 1)
    at += 5 + keyBytes
    if (value === null) continue
    buffer.writeUInt32LE(value.length, at)
    buffer.set(value, at + 4)
    at += 4 + value.length
  }
  assert(at - HEADER_BYTES <= BODY_BYTES_MAX, 'a record is never longer than recovery believes')
  buffer.writeUInt32LE(at - HEADER_BYTES, 4)
  buffer.writeUIntLE(sequence, 8, 6)
  buffer.writeUInt16LE(MAGIC, 14)
  buffer.writeUInt32LE(crc32(buffer.subarray(4, at)), 0)
  return buffer.subarray(0, at)
}

/** The record at `offset`, or null when there is no intact one. */
export function decodeRecord(file: Uint8Array, offset: number): LogRecord | null {
  const buffer = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  const frame = intactFrame(buffer, offset)
  if (frame === null) return null
  const writes = decodeBody(buffer.subarray(offset + HEADER_BYTES, frame.endOffset))
  // No crash and no flipped bit leave a good check over a bad body.
  if (writes === null) throw damaged(`record ${frame.sequence} of the log is none of this format`)
  return { ...frame, writes }
}

/** Header and check of the record at `offset`; null when there is no intact one. */
function intactFrame(buffer: Buffer, offset: number): Omit<LogRecord, 'writes'> | null {
  if (offset + HEADER_BYTES > buffer.length) return null
  const length = buffer.readUInt32LE(offset + 4)
  const endOffset = offset + HEADER_BYTES + length
  if (buffer.readUInt16LE(offset + 14) !== MAGIC) return null
  if (length > BODY_BYTES_MAX || endOffset > buffer.length) return null
  if (crc32(buffer.subarray(offset + 4, endOffset)) !== buffer.readUInt32LE(offset)) return null
  return { sequence: buffer.readUIntLE(offset + 8, 6), endOffset }
}

function decodeBody(body: Buffer): Write[] | null {
  const writes: Write[] = []
  let at = 0
  while (at < body.length) {
    const kind = body[at]
    const key = sized(body, at + 1)
    if (key === null || (kind !== 0 && kind !== 1)) return null
    const text = utf8ToText(key)
    if (text === null) return null
    at += 5 + key.length
    if (kind === 0) {
      writes.push({ key: text, value: null })
      continue
    }
    const value = sized(body, at)
    if (value === null) return null
    at += 4 + value.length
    writes.push({ key: text, value: new Uint8Array(value) })
  }
  return writes
}

function sized(body: Buffer, at: number): Buffer | null {
  if (at + 4 > body.length) return null
  const end = at + 4 + body.readUInt32LE(at)
  return end > body.length ? null : body.subarray(at + 4, end)
}

/**
 * True when an intact record follows the bad one at `offset`, whose number would be `sequence`:
 * this is damage in the middle then, not a tail that a crash tore. The number of a true follower
 * lies in a narrow range. To ask for that first keeps the search short, and keeps a value that
 * happens to hold the image of a record from being taken for one.
 */
export function intactRecordAfter(file: Uint8Array, offset: number, sequence: number): boolean {
  const buffer = Buffer.from(file.buffer, file.byteOffset, file.byteLength)
  const magic = Buffer.from([MAGIC & 0xff, MAGIC >> 8])
  for (let at = buffer.indexOf(magic, offset + 15); at !== -1; at = buffer.indexOf(magic, at + 1)) {
    const start = at - 14
    const ahead = buffer.readUIntLE(start + 8, 6) - sequence
    if (ahead < 1 || ahead > (start - offset) / HEADER_BYTES) continue
    if (intactFrame(buffer, start) !== null) return true
  }
  return false
}
