/** A page of a scan: what replicas gave of a range, joined key by key as far as all of them go. */
import { compareKeys } from '../../base/bytes.ts'
import { joinRecords } from '../merge.ts'
import type { StoreRecord } from '../record.ts'
import type { ScanAnswer, ScanEntry } from './scan-messages.ts'

export interface ScanPage {
  readonly entries: readonly (readonly [string, StoreRecord])[]
  /** Last key that was looked at; null at the end. */
  readonly next: string | null
  readonly partial: boolean
}

export function isUpTo(end: string | null): (entry: ScanEntry<unknown>) => boolean {
  return ({ key }) => end === null || compareKeys(key, end) <= 0
}

/** Joins all entries key by key, as far as all answers go. */
export function joinedPage(
  all: readonly ScanEntry<StoreRecord>[],
  cut: string | null,
  limit: number,
  partial: boolean,
): ScanPage {
  const records = new Map<string, StoreRecord>()
  for (const { key, record } of all.filter(isUpTo(cut))) {
    const before = records.get(key)
    records.set(key, before === undefined ? record : joinRecords(before, record))
  }
  const sorted = [...records].sort(([a], [b]) => compareKeys(a, b))
  const entries = sorted.slice(0, limit)
  const isCut = cut !== null || sorted.length > limit
  const next = isCut ? (entries.at(-1)?.[0] ?? cut) : null
  return { entries, next, partial }
}

/** Up to here the answer is complete; null: to the end. */
export function endOf({ entries, done }: ScanAnswer<unknown>): string | null {
  return done ? null : (entries.at(-1)?.key ?? null)
}
