/**
 * A simulated disk: what was synced survives a power loss, of the rest a random prefix does, and
 * the last write may be torn. The death of a process alone loses nothing that it had written.
 *
 * Operations take time through the `after` of the process that asks, so those of a dead process
 * never complete. The same seed gives the same disk.
 */
import { compareKeys } from '../../src/base/bytes.ts'
import { AtollError } from '../../src/base/errors.ts'
import type { Random } from '../../src/seams/random.ts'
import type { AppendFile, Index, IndexRange, IndexWrite, Storage } from '../../src/seams/storage.ts'

export type After = (delayMs: number, run: () => void) => void

/** Latency of the parts, in milliseconds: a solid-state disk, and now and then a slow moment. */
const WRITE_MS = 0.02
const READ_MS = 0.05
const SYNC_MS = 0.4
const SLOW_SYNC_MS = 20
const SLOW_SYNC_CHANCE = 0.01

interface StoredFile {
  bytes: Uint8Array
  /** Up to here a power loss takes nothing. */
  syncedBytes: number
}

interface StoredIndex {
  readonly durable: Map<string, Uint8Array>
  live: Map<string, Uint8Array>
  /** Of the entries of `live`; null: to be made when somebody scans. */
  order: readonly (readonly [string, Uint8Array])[] | null
  /** Batches not synced, oldest first. */
  unsynced: (readonly IndexWrite[])[]
}

export interface DiskFaults {
  /** Appends and index writes beyond this many bytes in all meet a full disk. */
  capacityBytes: number
  /** Syncs fail, and those of a file or index that failed once go on failing. */
  failSync: boolean
  /** Each sync takes so much longer. */
  slowSyncMs: number
  /** Writes fail, for another reason than a full disk. */
  failWrite: boolean
  /** No file can be made: no room for its name. */
  failOpen: boolean
  /** What writes of an index meet, and those of files do not. */
  failIndex: 'DISK_FULL' | 'STORAGE_FAILED' | null
}

const NAME = /^[a-z0-9.-]+$/

export class SimDisk {
  readonly faults: DiskFaults = {
    capacityBytes: Number.POSITIVE_INFINITY,
    failSync: false,
    slowSyncMs: 0,
    failWrite: false,
    failOpen: false,
    failIndex: null,
  }
  readonly #random: Random
  readonly #files = new Map<string, StoredFile>()
  readonly #indexes = new Map<string, StoredIndex>()
  /** Grows with every process that opens the disk: an older one's handles are dead. */
  #session = 0
  #locked = false
  /** How often something was synced. */
  syncs = 0

  constructor(random: Random) {
    this.#random = random
  }

  open(directory: string, after: After): Promise<Storage> {
    if (this.#locked) {
      const text = `another process uses the data directory "${directory}"`
      return Promise.reject(new AtollError('DIR_LOCKED', text))
    }
    this.#locked = true
    this.#session++
    return Promise.resolve(new SimStorage(this, after, this.#session))
  }

  /** The process died: what it had written is the machine's memory's still. */
  crash(): void {
    this.#locked = false
    this.#session++
  }

  powerLoss(): void {
    this.crash()
    for (const file of this.#files.values()) this.#tear(file)
    for (const index of this.#indexes.values()) {
      const kept = index.unsynced.slice(0, this.#random.int(index.unsynced.length + 1))
      for (const batch of kept) applyBatch(index.durable, batch)
      index.live = new Map(index.durable)
      index.order = null
      index.unsynced = []
    }
  }

  wipe(): void {
    this.crash()
    this.#files.clear()
    this.#indexes.clear()
    this.faults.failSync = false
    this.faults.failWrite = false
    this.faults.failOpen = false
    this.faults.failIndex = null
  }

  fileNames(): readonly string[] {
    return [...this.#files.keys()]
  }

  fileBytes(name: string): Uint8Array | null {
    return this.#files.get(name)?.bytes ?? null
  }

  /** Inverts one bit of what lies on the disk. */
  flipBit(name: string, offset: number, bit = 0): void {
    const file = this.#files.get(name)
    const byte = file?.bytes[offset]
    if (file === undefined || byte === undefined) throw new Error(`no byte ${offset} in "${name}"`)
    file.bytes[offset] = byte ^ (1 << bit)
  }

  /** Cuts the file, or what is there of it, as a damaged file system may. */
  cut(name: string, sizeBytes: number): void {
    const file = this.#files.get(name)
    if (file === undefined) throw new Error(`no file "${name}"`)
    file.bytes = file.bytes.slice(0, sizeBytes)
    file.syncedBytes = Math.min(file.syncedBytes, sizeBytes)
  }

  removeFile(name: string): void {
    this.#files.delete(name)
  }

  indexKeys(index: string): readonly string[] {
    return [...(this.#indexes.get(index)?.live.keys() ?? [])].sort(compareKeys)
  }

  /** Puts an entry back to what it was, or takes it away, without a trace. Returns the old one. */
  setIndexEntry(index: string, key: string, entry: Uint8Array | null): Uint8Array | null {
    const stored = this.#indexes.get(index)
    const before = stored?.live.get(key) ?? null
    if (stored !== undefined) stored.order = null
    for (const map of stored === undefined ? [] : [stored.live, stored.durable]) {
      applyBatch(map, [{ key, value: entry }])
    }
    return before
  }

  /** Inverts one bit of a value of the index. */
  flipIndexBit(index: string, key: string, offset: number): void {
    const value = this.#indexes.get(index)?.live.get(key)
    const byte = value?.[offset]
    if (value === undefined || byte === undefined) throw new Error(`no byte ${offset} of "${key}"`)
    value[offset] = byte ^ 1
  }

  #tear(file: StoredFile): void {
    const loose = file.bytes.length - file.syncedBytes
    if (loose <= 0) return
    const kept = file.syncedBytes + this.#random.int(loose + 1)
    file.bytes = file.bytes.slice(0, kept)
    // The last sector may hold anything: now and then what survived of the tail is garbage.
    const torn = Math.min(kept - file.syncedBytes, 16)
    if (torn > 0 && this.#random.int(4) === 0) {
      file.bytes.set(this.#random.bytes(torn), kept - torn)
    }
    file.syncedBytes = file.bytes.length
  }

  // What follows is for SimStorage alone.

  isCurrent(session: number): boolean {
    return session === this.#session
  }

  release(session: number): void {
    if (this.isCurrent(session)) this.#locked = false
  }

  get files(): Map<string, StoredFile> {
    return this.#files
  }

  index(name: string): StoredIndex {
    let index = this.#indexes.get(name)
    if (index === undefined) {
      index = { durable: new Map(), live: new Map(), order: null, unsynced: [] }
      this.#indexes.set(name, index)
    }
    return index
  }

  hasRoom(moreBytes: number): boolean {
    let used = moreBytes
    for (const { bytes } of this.#files.values()) used += bytes.length
    return used <= this.faults.capacityBytes
  }

  syncMs(): number {
    const slow = this.#random.float() < SLOW_SYNC_CHANCE
    return this.faults.slowSyncMs + SYNC_MS + this.#random.float() * (slow ? SLOW_SYNC_MS : SYNC_MS)
  }
}

class SimStorage implements Storage {
  readonly #disk: SimDisk
  readonly #after: After
  readonly #session: number

  constructor(disk: SimDisk, after: After, session: number) {
    this.#disk = disk
    this.#after = after
    this.#session = session
  }

  async list(): Promise<readonly string[]> {
    await this.takes(READ_MS)
    return [...this.#disk.files.keys()]
  }

  async read(name: string): Promise<Uint8Array | null> {
    mustBeName(name)
    await this.takes(READ_MS)
    return this.#disk.files.get(name)?.bytes.slice() ?? null
  }

  async replace(name: string, bytes: Uint8Array): Promise<void> {
    mustBeName(name)
    await this.takes(this.#disk.syncMs())
    this.mustWrite(bytes.length)
    this.mustSync()
    this.#disk.files.set(name, { bytes: bytes.slice(), syncedBytes: bytes.length })
  }

  async remove(name: string): Promise<void> {
    mustBeName(name)
    await this.takes(this.#disk.syncMs())
    this.#disk.files.delete(name)
  }

  async openAppend(name: string): Promise<AppendFile> {
    mustBeName(name)
    await this.takes(this.#disk.syncMs())
    if (!this.#disk.files.has(name)) {
      if (this.#disk.faults.failOpen) throw new AtollError('DISK_FULL', 'no space left')
      this.#disk.files.set(name, { bytes: new Uint8Array(), syncedBytes: 0 })
    }
    return new SimAppendFile(this, this.#disk, this.#disk.files.get(name) as StoredFile)
  }

  async openIndex(name: string): Promise<Index> {
    mustBeName(name)
    await this.takes(READ_MS)
    return new SimIndex(this, this.#disk, this.#disk.index(name))
  }

  async close(): Promise<void> {
    await this.takes(WRITE_MS)
    this.#disk.release(this.#session)
  }

  /** Never resolves once the process that opened this storage is gone. */
  takes(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#after(ms, () => {
        if (this.#disk.isCurrent(this.#session)) resolve()
      })
    })
  }

  mustWrite(moreBytes: number): void {
    if (this.#disk.faults.failWrite) {
      throw new AtollError('STORAGE_FAILED', 'a write failed', { outcome: 'unknown' })
    }
    if (!this.#disk.hasRoom(moreBytes)) throw new AtollError('DISK_FULL', 'no space left')
  }

  mustSync(): void {
    this.#disk.syncs++
    if (!this.#disk.faults.failSync) return
    throw new AtollError('STORAGE_FAILED', 'fdatasync failed', { outcome: 'unknown' })
  }
}

class SimAppendFile implements AppendFile {
  /** What this file's bytes lie in since it was last opened, with room to grow. */
  #room: ArrayBuffer | null = null
  readonly #storage: SimStorage
  readonly #disk: SimDisk
  readonly #file: StoredFile
  #closed = false
  #failure: Error | null = null

  constructor(storage: SimStorage, disk: SimDisk, file: StoredFile) {
    this.#storage = storage
    this.#disk = disk
    this.#file = file
  }

  get sizeBytes(): number {
    return this.#file.bytes.length
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#mustBeOpen()
    if (this.#failure !== null) throw this.#failure
    this.#storage.mustWrite(bytes.length)
    this.#file.bytes = this.#grown(bytes)
    await this.#storage.takes(WRITE_MS)
  }

  /** In place while there is room, else with as much again: a log grows by many small records. */
  #grown(added: Uint8Array): Uint8Array {
    const { bytes } = this.#file
    const length = bytes.length + added.length
    if (this.#room === null || bytes.buffer !== this.#room || this.#room.byteLength < length) {
      const roomy = new Uint8Array(Math.max(4096, length * 2))
      roomy.set(bytes)
      this.#room = roomy.buffer
    }
    const grown = new Uint8Array(this.#room, 0, length)
    grown.set(added, bytes.length)
    return grown
  }

  async sync(): Promise<void> {
    const through = this.#file.bytes.length
    await this.#storage.takes(this.#disk.syncMs())
    if (this.#failure !== null) throw this.#failure
    try {
      this.#mustBeOpen()
      this.#storage.mustSync()
    } catch (error) {
      this.#failure = error as Error
      throw error
    }
    this.#file.syncedBytes = Math.max(this.#file.syncedBytes, through)
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#storage.takes(WRITE_MS)
    this.#mustBeOpen()
    this.#file.bytes = this.#file.bytes.slice(0, sizeBytes)
    this.#file.syncedBytes = Math.min(this.#file.syncedBytes, sizeBytes)
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  /** The system says EBADF, also to a sync that is under way when the file is closed. */
  #mustBeOpen(): void {
    if (!this.#closed) return
    throw new AtollError('STORAGE_FAILED', 'the file is closed', { outcome: 'unknown' })
  }
}

class SimIndex implements Index {
  readonly #storage: SimStorage
  readonly #disk: SimDisk
  readonly #stored: StoredIndex
  #closed = false

  constructor(storage: SimStorage, disk: SimDisk, stored: StoredIndex) {
    this.#storage = storage
    this.#disk = disk
    this.#stored = stored
  }

  get(key: string): Uint8Array | undefined {
    this.#mustBeOpen()
    return this.#stored.live.get(key)
  }

  async batch(writes: readonly IndexWrite[], { sync }: { readonly sync: boolean }): Promise<void> {
    this.#mustBeOpen()
    this.#storage.mustWrite(0)
    const fault = this.#disk.faults.failIndex
    if (fault !== null) throw new AtollError(fault, 'a write of the index failed')
    const copies = writes.map(({ key, value }) => ({ key, value: value?.slice() ?? null }))
    this.#stored.unsynced.push(copies)
    await this.#storage.takes(sync ? this.#disk.syncMs() : WRITE_MS)
    applyBatch(this.#stored.live, copies)
    this.#stored.order = null
    if (!sync) return
    this.#storage.mustSync()
    for (const batch of this.#stored.unsynced) applyBatch(this.#stored.durable, batch)
    this.#stored.unsynced = []
  }

  async *entries({ from, to, limit }: IndexRange): AsyncIterable<readonly [string, Uint8Array]> {
    this.#mustBeOpen()
    const stored = this.#stored
    stored.order ??= [...stored.live].sort(([a], [b]) => compareKeys(a, b))
    // Nothing changes a list that was made.
    const { order } = stored
    const first = placeOf(order, from)
    const end = to === undefined ? order.length : placeOf(order, to)
    const count = Math.min(limit ?? order.length, end - first)
    await this.#storage.takes(READ_MS)
    for (let i = first; i < first + count; i++) {
      const entry = order[i]
      this.#mustBeOpen()
      if (entry !== undefined) yield entry
    }
  }

  close(): Promise<void> {
    this.#closed = true
    return Promise.resolve()
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new AtollError('STOPPED', 'the index is closed')
  }
}

function mustBeName(name: string): void {
  if (!NAME.test(name)) throw new AtollError('INTERNAL', `"${name}" is no plain file name`)
}

/** How many of them come before a key. */
function placeOf(order: readonly (readonly [string, unknown])[], key: string): number {
  let low = 0
  let high = order.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareKeys(order[middle]?.[0] ?? '', key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

function applyBatch(map: Map<string, Uint8Array>, batch: readonly IndexWrite[]): void {
  for (const { key, value } of batch) {
    if (value === null) map.delete(key)
    else map.set(key, value)
  }
}
