/** What any kind of input of `kv import` comes down to. */
import type { JsonValue, KvMergeType } from '../../node/api.ts'
import type { ParamsOf } from '../../rpc/methods.ts'
import { TTL_MS_MAX } from '../../store/limits.ts'

export interface PutEntry {
  readonly kind: 'put'
  /** Number of its line or entry, from 1. */
  readonly at: number
  readonly key: string
  /** In the form of a request. */
  readonly value: JsonValue
  /** Absent: a value. */
  readonly type?: KvMergeType
  /** Wall time; absent: never. */
  readonly expiresAtMs?: number
  /** What of it cannot be kept, in words that follow a count of keys. */
  readonly lost?: string
}

/** Cannot be stored: named, counted, and the command fails at its end. */
export interface WrongEntry {
  readonly kind: 'wrong'
  readonly at: number
  readonly why: string
}

/** Left out for a reason that many have: only counted, in words that follow a count of keys. */
export interface LeftOutEntry {
  readonly kind: 'left-out'
  readonly at: number
  readonly why: string
  /** Whoever imports has not asked for that. */
  readonly fails: boolean
}

export type ImportEntry = PutEntry | WrongEntry | LeftOutEntry

export type ImportUnit = 'line' | 'entry'

/** Of `kv.put`. */
export function paramsOf({ key, value, type, expiresAtMs }: PutEntry): ParamsOf<'kv.put'> {
  // What ends while it waits for its turn ends as soon as it is there.
  const leftMs = expiresAtMs === undefined ? null : Math.max(1, expiresAtMs - Date.now())
  const ttlMs = leftMs === null ? null : Math.min(leftMs, TTL_MS_MAX)
  return { key, value, ...(type !== undefined && { type }), ...(ttlMs !== null && { ttlMs }) }
}
