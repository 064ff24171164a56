/**
 * The index with checks, since LevelDB does not verify what it reads and may lose what it held.
 *
 * Each value carries a CRC32 over its key and itself. A checkpoint is one batch, all of it or
 * none, and ends with the marker: up to where the index has the log, and the fingerprint of all
 * entries. So the entries that are there can be held against those that must be (`verify`).
 */
import { crc32 } from 'node:zlib'
import { assert } from '../base/assert.ts'
import { AtollError, isAtollError } from '../base/errors.ts'
import type { Index, IndexRange, IndexWrite, Storage } from '../seams/storage.ts'
import { damaged } from './damage.ts'
import { type Fingerprint, isSame, NOTHING, withEntry, withoutEntry } from './fingerprint.ts'

const INDEX = 'index'
/** The key of the marker; no entry may have it. */
export const MARKER = '!applied'
const CRC_BYTES = 4
/** u48 sequence number, u48 entries, u32 sum of their checks. */
const MARKER_BYTES = 16
/** Entries between two looks at the rest of the world: about a millisecond of work. */
const STRIDE = 256

interface Marker {
  readonly applied: number
  readonly fingerprint: Fingerprint
}

export class CheckedIndex {
  readonly #storage: Storage
  /** null while it is being opened again. */
  #index: Index | null
  #marker: Marker
  /** Grows with every write, so that a verification knows that entries may have changed. */
  #writes = 0
  /** A write failed: LevelDB takes no more until it is opened again. */
  #broken = false

  private constructor(storage: Storage, index: Index, marker: Marker) {
    this.#storage = storage
    this.#index = index
    this.#marker = marker
  }

  static async open(storage: Storage): Promise<CheckedIndex> {
    const index = await storage.openIndex(INDEX)
    try {
      return new CheckedIndex(storage, index, readMarker(index.get(MARKER)))
    } catch (error) {
      await index.close()
      throw error
    }
  }

  /** Sequence number of the newest record whose writes are all in the index, durably. */
  get applied(): number {
    return this.#marker.applied
  }

  /** Throws BUSY while the index is being opened again after a full disk. */
  get(key: string): Uint8Array | undefined {
    const entry = this.#opened.get(key)
    return entry === undefined ? undefined : unseal(key, entry)
  }

  async *entries(range: IndexRange): AsyncIterable<readonly [string, Uint8Array]> {
    for await (const [key, entry] of this.#opened.entries(range)) {
      if (key !== MARKER) yield [key, unseal(key, entry)]
    }
  }

  /**
   * Writes a whole table, through the record `applied` of the log, as one step; durable when it
   * resolves. After DISK_FULL it may be called again.
   */
  async write(
    table: ReadonlyMap<string, Uint8Array | null>,
    applied: number,
    pause: () => Promise<void>,
  ): Promise<void> {
    if (this.#broken) await this.#reopen()
    this.#writes++
    let { fingerprint } = this.#marker
    const batch: IndexWrite[] = []
    for (const [key, value] of table) {
      assert(key !== MARKER, 'no entry has the key of the marker')
      const before = this.get(key)
      if (before !== undefined) fingerprint = withoutEntry(fingerprint, checkOf(key, before))
      if (value !== null) fingerprint = withEntry(fingerprint, checkOf(key, value))
      batch.push({ key, value: value === null ? null : seal(key, value) })
      if (batch.length % STRIDE === 0) await pause()
    }
    const marker = { applied, fingerprint }
    batch.push({ key: MARKER, value: encodeMarker(marker) })
    try {
      await this.#opened.batch(batch, { sync: true })
    } catch (error) {
      this.#broken = isAtollError(error, 'DISK_FULL')
      throw error
    }
    this.#marker = marker
  }

  /**
   * Reads every entry as of now and throws DISK_DAMAGED unless all that must be there are, as
   * they must be, and `get` finds them too. Call it while nothing is being written; writes may
   * begin later. Ends early, with nothing said, once `isStopped`.
   */
  async verify(pause: () => Promise<void>, isStopped: () => boolean): Promise<void> {
    const { fingerprint } = this.#marker
    const writes = this.#writes
    let found = NOTHING
    for await (const [key, value] of this.entries({ from: '' })) {
      const check = checkOf(key, value)
      found = withEntry(found, check)
      // LevelDB asks a filter before it looks a key up, and the filter may be damaged as well.
      if (writes === this.#writes && checkOf(key, this.get(key)) !== check) {
        throw damaged(`the entry "${key}" is in the index and is not found there`)
      }
      if (found.count % STRIDE > 0) continue
      await pause()
      if (isStopped()) return
    }
    if (isSame(found, fingerprint)) return
    throw damaged(
      `the index holds ${found.count} of ${fingerprint.count} entries, or not the newest of each`,
    )
  }

  get #opened(): Index {
    if (this.#index !== null) return this.#index
    throw new AtollError('BUSY', 'the index is being opened again after a full disk')
  }

  async #reopen(): Promise<void> {
    const index = this.#index
    this.#index = null
    await index?.close()
    this.#index = await this.#storage.openIndex(INDEX)
    this.#broken = false
  }

  async close(): Promise<void> {
    await this.#index?.close()
  }
}

function checkOf(key: string, value: Uint8Array | undefined): number {
  return value === undefined ? -1 : crc32(value, crc32(key))
}

function seal(key: string, value: Uint8Array): Uint8Array {
  const entry = Buffer.allocUnsafe(CRC_BYTES + value.length)
  entry.writeUInt32LE(checkOf(key, value), 0)
  entry.set(value, CRC_BYTES)
  return entry
}

function unseal(key: string, entry: Uint8Array): Uint8Array {
  const value = entry.subarray(CRC_BYTES)
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength)
  if (entry.length < CRC_BYTES || view.getUint32(0, true) !== checkOf(key, value)) {
    throw damaged(`the stored value of "${key}" fails its check`)
  }
  return value
}

function encodeMarker({ applied, fingerprint }: Marker): Uint8Array {
  const bytes = Buffer.alloc(MARKER_BYTES)
  bytes.writeUIntLE(applied, 0, 6)
  bytes.writeUIntLE(fingerprint.count, 6, 6)
  bytes.writeUInt32LE(fingerprint.sum, 12)
  return seal(MARKER, bytes)
}

function readMarker(entry: Uint8Array | undefined): Marker {
  if (entry === undefined) return { applied: 0, fingerprint: NOTHING }
  const bytes = Buffer.from(unseal(MARKER, entry))
  if (bytes.length !== MARKER_BYTES) throw damaged('the marker of the index has another length')
  const fingerprint = { count: bytes.readUIntLE(6, 6), sum: bytes.readUInt32LE(12) }
  return { applied: bytes.readUIntLE(0, 6), fingerprint }
}
