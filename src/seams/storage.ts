/**
 * One data directory: whole small files, append-only files, and an ordered index.
 *
 * What survives a power loss is exactly what was synced: a prefix of the unsynced appends may
 * survive as well, and the last one may be torn. The index may lose any suffix of its unsynced
 * batches, never a part of one. Every failure of a sync is final: the caller ends the node.
 *
 * Names are plain file names (`[a-z0-9.-]+`); there are no sub-directories.
 * Errors are AtollError: DIR_LOCKED, DIR_UNUSABLE, DISK_FULL, STORAGE_FAILED, DISK_DAMAGED.
 */
export interface Storage {
  list(): Promise<readonly string[]>
  read(name: string): Promise<Uint8Array | null>
  /** Replaces the file as one step (temporary file, sync, rename, sync of the directory). */
  replace(name: string, bytes: Uint8Array): Promise<void>
  /** Durable when it resolves. No error when absent. */
  remove(name: string): Promise<void>
  /** Opens for appending, creating it durably when absent. */
  openAppend(name: string): Promise<AppendFile>
  /** Opens the ordered index that lies beside the files, creating it when absent. */
  openIndex(name: string): Promise<Index>
  /** Releases the lock of the directory; files and indexes are closed before. */
  close(): Promise<void>
}

export interface AppendFile {
  readonly sizeBytes: number
  /** Writes at the end; not durable before `sync`. DISK_FULL leaves the file as it was. */
  append(bytes: Uint8Array): Promise<void>
  /** fdatasync. Rejects with STORAGE_FAILED, once and for all. */
  sync(): Promise<void>
  /** Cuts the tail off; used by recovery before the first append. */
  truncate(sizeBytes: number): Promise<void>
  close(): Promise<void>
}

export interface IndexWrite {
  readonly key: string
  /** null deletes. */
  readonly value: Uint8Array | null
}

export interface IndexRange {
  /** Inclusive lower bound. */
  readonly from: string
  /** Exclusive upper bound; absent: to the end. */
  readonly to?: string
  readonly limit?: number
}

/** Keys are well-formed strings in the order of their UTF-8 forms (`compareKeys`). */
export interface Index {
  /** Synchronous, since a lookup in cached blocks is cheaper than a promise. */
  get(key: string): Uint8Array | undefined
  batch(writes: readonly IndexWrite[], options: { readonly sync: boolean }): Promise<void>
  entries(range: IndexRange): AsyncIterable<readonly [string, Uint8Array]>
  close(): Promise<void>
}
