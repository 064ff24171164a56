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

export interface KvAddOptions extends CallOptions {
  readonly write?: Level
}

export interface KvWriteOptions extends KvAddOptions {
  /** What this write replaces, as a read or write gave it; absent: what this node last saw of the key. */
  readonly context?: string
}

export interface KvPutOptions extends KvWriteOptions {
  /** The value ends after this long, by the clock of whoever looks; absent: never. */
  readonly ttlMs?: number
  /** Stores a whole number as a counter that stands there, or a list as the elements of a set. */
  readonly type?: KvMergeType
}

/** Types that writers who did not see each other change together: nobody has to resolve them. */
export type KvMergeType = 'counter' | 'set'

export interface KvWritten {
  readonly key: string
  /** Opaque: what the writer has seen of the key, this write included. */
  readonly context: string
  /** Replicas whose disks have it, and replicas there are. */
  readonly acks: number
  readonly replicas: number
  /** Fewer than a majority answered; the rest will be repaired. */
  readonly partial: boolean
}

/** Of a put or a deletion: it replaces what its context covers. */
export interface KvValueWritten extends KvWritten {
  /**
   * How many values the key has now, as far as the write's coordinator has heard. Over 1, or over 0
   * after a deletion: there were such as the context did not cover, and they stay.
   */
  readonly siblingCount: number
}

export interface KvPutWritten extends KvValueWritten {
  /** The value stands where a counter or a set stood, as far as the write's coordinator had heard. */
  readonly replaced?: KvMergeType
}

export interface KvGetOptions extends CallOptions {
  readonly read?: Level
  /** An answer that this node was given at most so long ago will do; absent: replicas are asked. */
  readonly maxAgeMs?: number
}

/** Of a set a list of its elements, which may be bytes. */
export type KvValue = Value | readonly Value[]

/** What a key holds: a counter is a number, a set is a list of its elements. */
export interface KvFound {
  readonly value: KvValue
  /** Absent: a value that was put. */
  readonly type?: KvMergeType
  /** Wall time in ms at which the value ends; absent: never. */
  readonly expiresAtMs?: number
}

export interface KvRead extends KvFound {
  readonly key: string
  /** Opaque; give it back to replace all that it covers. */
  readonly context: string
  readonly acks: number
  readonly replicas: number
  /** The values of the siblings beside this one: of writers that did not see each other, newest first. */
  readonly others: readonly KvValue[]
  readonly partial: boolean
  /** How long ago the replicas were asked; absent: for this call. */
  readonly ageMs?: number
}

/** All that a key holds, for who resolves it. */
export interface KvSiblings {
  readonly key: string
  /** Newest first, after the counter and the set if there are such; none: deleted, or never there. */
  readonly siblings: readonly KvFound[]
  /** Covers all of them, and the deletion. */
  readonly context: string
  readonly acks: number
  readonly replicas: number
  readonly partial: boolean
}

export interface KvEntry extends KvFound {
  readonly key: string
  /** How many values the key has: over 1, of writers that did not see each other. */
  readonly siblingCount: number
}

export interface KvLsOptions extends CallOptions {
  /** Begins after this key, which need not be there; absent: with the first. */
  readonly after?: string
  /** At most so many keys, 1 to 4000; 100 by default. */
  readonly limit?: number
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
 *   fell behind, and watches again from the last cursor that it got before.
 */
export type KvEvent =
  | { readonly kind: 'begin'; readonly cursor: string }
  | (KvFound & {
      readonly kind: 'put' | 'merge'
      readonly key: string
      /** As of `get`: give it back to replace what the event shows. */
      readonly context: string
      /** Of a merge: the other values, newest first. */
      readonly others: readonly KvValue[]
      readonly cursor: string
    })
  | {
      readonly kind: 'delete' | 'expire'
      readonly key: string
      readonly context: string
      readonly cursor: string
    }
  | {
      readonly kind: 'gap'
      readonly reason: 'forgotten' | 'slow'
      /** What to do. */
      readonly hint: string
      readonly cursor: string
    }

export interface KvCounted extends KvWritten {
  /** The count as its coordinator knows it; `get` asks a majority. */
  readonly value: number
}

export interface KvCount extends KvRead {
  readonly value: number
}

/** Counts what is added wherever a replica is reached, and loses none of it. */
export interface KvCounterApi {
  /**
   * Adds a whole number, 1 by default. An addition whose outcome is unknown may have been made: to
   * ask for it again may count it twice. What must count once is in registers: `reg.incr` with
   * `opId`. CONFLICT when the key holds something else.
   */
  add(key: string, delta?: number, options?: KvAddOptions): Promise<KvCounted>
  /** null when there is none; CONFLICT when the key holds something else. */
  get(key: string, options?: KvGetOptions): Promise<KvCount | null>
}

export interface KvSetWritten extends Omit<KvWritten, 'context'> {
  /** How many of the elements were added or removed: those that were not there, or were. */
  readonly changed: number
}

export interface KvElements extends KvRead {
  /** In one order everywhere. */
  readonly value: readonly Value[]
}

/**
 * Elements are values: texts, bytes and JSON, each once. An element that is added while somebody
 * removes it stays. A set is one record: every change moves the whole of it.
 */
export interface KvSetApi {
  /** CONFLICT when the key holds something else. */
  add(key: string, elements: readonly Value[], options?: KvAddOptions): Promise<KvSetWritten>
  /** With `context` it removes only what was seen then. */
  rm(key: string, elements: readonly Value[], options?: KvWriteOptions): Promise<KvSetWritten>
  /** Empty when there is none; CONFLICT when the key holds something else. */
  ls(key: string, options?: KvGetOptions): Promise<KvElements>
}

export interface KvApi {
  readonly counter: KvCounterApi
  readonly set: KvSetApi
  /** Replaces whatever it sees, a counter or a set too, and says so. */
  put(key: string, value: KvValue, options?: KvPutOptions): Promise<KvPutWritten>
  /** null when there is no value. */
  get(key: string, options?: KvGetOptions): Promise<KvRead | null>
  /** Whether there is a value or not. */
  siblings(key: string, options?: KvGetOptions): Promise<KvSiblings>
  del(key: string, options?: KvWriteOptions): Promise<KvValueWritten>
  ls(prefix: string, options?: KvLsOptions): Promise<KvPage>
  /**
   * What changes under a prefix, of each key in order: what an event shows is never older than what
   * an earlier one of the key showed. Changes in quick succession may show as one. Begin the watch,
   * take its first event, `begin`, then list: nothing lies between. It ends when the signal aborts or
   * this node stops; over a socket, with UNREACHABLE when the daemon does: connect again, and go on
   * with `after`.
   */
  watch(prefix: string, options?: KvWatchOptions): AsyncIterable<KvEvent>
}
