/**
 * The index with a check on every entry: LevelDB does not verify what it reads, so each value
 * carries a CRC32 over its key and itself, and a flipped byte is DISK_DAMAGED, never wrong data.
 */
import { crc32 } from 'node:zlib'
import { AtollError, isAtollError } from '../base/errors.ts'
import type { Index, IndexRange, IndexWrite, Storage } from '../seams/storage.ts'

const INDEX = 'index'
/** Says through which sequence number of the log the index has everything. Sorts before all keys. */
const MARKER = '!applied'
const CRC_BYTES = 4
const MARKER_BYTES = 8

export class CheckedIndex {
  readonly #storage: Storage
  #index: Index
  /** Sequence number of the newest record whose writes are all in the index, durably. */
  #applied: number
  /** What `applied` becomes when the write under way is done. */
  applying: number
  /** A write failed: LevelDB takes no more until it is opened again. */
  #broken = false

  private constructor(storage: Storage, index: Index, applied: number) {
    this.#storage = storage
    this.#index = index
    this.#applied = applied
    this.applying = applied
  }

  static async open(storage: Storage): Promise<CheckedIndex> {
    const index = await storage.openIndex(INDEX)
    const marker = index.get(MARKER)
    return new CheckedIndex(storage, index, marker === undefined ? 0 : readMarker(marker))
  }

  get applied(): number {
    return this.#applied
  }

  get(key: string): Uint8Array | undefined {
    const entry = this.#index.get(key)
    return entry === undefined ? undefined : unseal(key, entry)
  }

  async *entries(range: IndexRange): AsyncIterable<readonly [string, Uint8Array]> {
    for await (const [key, entry] of this.#index.entries(range)) {
      if (key !== MARKER) yield [key, unseal(key, entry)]
    }
  }

  /** Writes a whole table and then, synced, the marker. May be repeated after DISK_FULL. */
  async write(table: ReadonlyMap<string, Uint8Array | null>, batchEntries: number): Promise<void> {
    if (this.#broken) await this.#reopen()
    try {
      let batch: IndexWrite[] = []
      for (const [key, value] of table) {
        batch.push({ key, value: value === null ? null : seal(key, value) })
        if (batch.length < batchEntries) continue
        await this.#index.batch(batch, { sync: false })
        batch = []
      }
      batch.push({ key: MARKER, value: seal(MARKER, encodeMarker(this.applying)) })
      await this.#index.batch(batch, { sync: true })
      this.#applied = this.applying
    } catch (error) {
      this.#broken = isAtollError(error, 'DISK_FULL')
      throw error
    }
  }

  async #reopen(): Promise<void> {
    await this.#index.close()
    this.#index = await this.#storage.openIndex(INDEX)
    this.#broken = false
  }

  close(): Promise<void> {
    return this.#index.close()
  }
}

function seal(key: string, value: Uint8Array): Uint8Array {
  const entry = Buffer.allocUnsafe(CRC_BYTES + value.length)
  entry.writeUInt32LE(crc32(value, crc32(key)), 0)
  entry.set(value, CRC_BYTES)
  return entry
}

function unseal(key: string, entry: Uint8Array): Uint8Array {
  const value = entry.subarray(CRC_BYTES)
  const view = new DataView(entry.buffer, entry.byteOffset, entry.byteLength)
  if (entry.length < CRC_BYTES || view.getUint32(0, true) !== crc32(value, crc32(key))) {
    throw new AtollError('DISK_DAMAGED', `the stored value of "${key}" fails its check`, {
      hint: 'start this daemon on an empty data directory and let it join anew; the others hold its data',
    })
  }
  return value
}

function encodeMarker(sequence: number): Uint8Array {
  const bytes = Buffer.alloc(MARKER_BYTES)
  bytes.writeUIntLE(sequence, 0, 6)
  return bytes
}

function readMarker(entry: Uint8Array): number {
  return Buffer.from(unseal(MARKER, entry)).readUIntLE(0, 6)
}
