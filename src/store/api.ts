/**
 * The store as programs see it: the `kv` part of the node's interface, the same embedded and over
 * the socket.
 */
import type { Value } from '../base/value.ts'

export type { JsonValue, Value } from '../base/value.ts'

export interface CallOptions {
  /** The call ends with TIMEOUT after this long; each call has its own default. */
  readonly deadlineMs?: number
  readonly signal?: AbortSignal
}

/** Absent: ask all, answer at a majority, or with what there is when a majority cannot be had. */
export type Level = 'one' | 'quorum' | 'all'

export interface KvPutOptions extends CallOptions {
  readonly write?: Level
  /** Version that this write replaces; absent: what this node last saw of the key. */
  readonly context?: string
}

export interface KvWritten {
  readonly key: string
  readonly version: string
  /** Replicas whose disks have it, and replicas there are. */
  readonly acks: number
  readonly replicas: number
  /** Fewer than a majority answered; the rest will be repaired. */
  readonly partial: boolean
}

export interface KvGetOptions extends CallOptions {
  readonly read?: Level
  /** An answer that this node was given at most so long ago will do; absent: replicas are asked. */
  readonly maxAgeMs?: number
}

export interface KvRead {
  readonly key: string
  readonly value: Value
  /** Opaque; give it back as `context` to replace all that it covers. */
  readonly version: string
  readonly acks: number
  readonly replicas: number
  /** Other values written by writers that did not see each other, newest first. */
  readonly siblings: readonly Value[]
  readonly partial: boolean
  /** How long ago the replicas were asked; absent: for this call. */
  readonly ageMs?: number
}

export interface KvEntry {
  readonly key: string
  readonly value: Value
  /** How many other values the key has; `get` gives them. */
  readonly siblings: number
}

export interface KvPage {
  readonly entries: readonly KvEntry[]
  /** Give it as `after` for the next page; null at the end. */
  readonly next: string | null
  readonly partial: boolean
}

export interface KvApi {
  put(key: string, value: Value, options?: KvPutOptions): Promise<KvWritten>
  /** null when there is no value. */
  get(key: string, options?: KvGetOptions): Promise<KvRead | null>
  del(key: string, options?: KvPutOptions): Promise<KvWritten>
  ls(
    prefix: string,
    options?: CallOptions & { readonly after?: string; readonly limit?: number },
  ): Promise<KvPage>
}
