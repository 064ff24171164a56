/**
 * The node's durable memory: an append log that carries durability, a table in memory of what
 * the index does not have yet, and an ordered index behind both.
 */
import type { IndexRange, IndexWrite } from '../seams/storage.ts'

export type Write = IndexWrite

export interface Database {
  /** The newest durable value: what replies may be built from. */
  get(key: string): Uint8Array | undefined
  /**
   * The newest value including commits not durable yet: what a read-modify-write builds on. Its
   * result may be shown only after a later commit of this database has resolved.
   */
  latest(key: string): Uint8Array | undefined
  /**
   * All or nothing, in call order; visible to `latest` at once and to `get` when durable. Resolves
   * after the fdatasync that covers it; commits of one turn of the event loop share one. Rejects
   * with DISK_FULL (nothing changed), BUSY, TOO_LARGE, or STORAGE_FAILED (unknown; the node ends).
   */
  commit(writes: readonly Write[]): Promise<void>
  /** Durable entries in key order, as of some moment between call and step. */
  scan(range: IndexRange): AsyncIterable<readonly [string, Uint8Array]>
  /** Resolves once with the error that ended this database for good. */
  readonly failed: Promise<Error>
  /** Flushes and closes; resolves when the directory may be opened again. */
  close(): Promise<void>
}
