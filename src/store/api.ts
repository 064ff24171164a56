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

export interface KvWatchOptions {
  /** Goes on from the cursor of an event, which may be of a watch at another node. */
  readonly after?: string
  readonly signal?: AbortSignal
}

/**
 * What a watch tells. Each event's `cursor` says where the watch is after it.
 *
 * - `begin`, once, first of all: whatever is acknowledged from now on is told.
 * - `put`: the key has this value now. `merge`: it has several, of writers that did not see each other.
 * - `delete`, `expire`: it has none any more.
 * - `gap`: changes may be missing here. `forgotten`: list the prefix, then go on; `slow`: this reader
 *   fell behind, and may also watch anew from the last cursor that it got before.
 */
export type KvEvent =
  | { readonly kind: 'begin'; readonly cursor: string }
  | {
      readonly kind: 'put' | 'merge'
      readonly key: string
      readonly value: Value
      /** As of `get`: give it as `context` to replace what the event shows. */
      readonly version: string
      /** Of a merge: the other values, newest first. */
      readonly siblings: readonly Value[]
      readonly cursor: string
    }
  | {
      readonly kind: 'delete' | 'expire'
      readonly key: string
      readonly version: string
      readonly cursor: string
    }
  | {
      readonly kind: 'gap'
      readonly reason: 'forgotten' | 'slow'
      /** What to do. */
      readonly hint: string
      readonly cursor: string
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
  /**
   * What changes under a prefix, of each key in order: what an event shows is never older than what
   * an earlier one of the key showed. Changes in quick succession may show as one. Begin the watch,
   * take its first event, `begin`, then list: nothing lies between.
   */
  watch(prefix: string, options?: KvWatchOptions): AsyncIterable<KvEvent>
}
