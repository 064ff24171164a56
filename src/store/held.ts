/** What a replica holds of a key, for people: its context, and each write that nothing has replaced. */
import type { StorageId } from '../base/ids.ts'
import { elementName, joinRecords } from './merge.ts'
import {
  EMPTY_RECORD,
  encodeRecord,
  siblingCountOf,
  type StoreRecord,
  visibleSiblings,
} from './record.ts'
import { countOf, isCounting, numberOf } from './sums.ts'
import { contextText } from './version-vector.ts'

export interface HeldVersion {
  /** '' when it knows of no write. */
  readonly context: string
  /** What a reader is shown: siblings, and one for a set or a counter. 0 with a context: deleted. */
  readonly siblingCount: number
  /** It has all that any replica which answered has. */
  readonly isCurrent: boolean
  readonly writes: readonly HeldWrite[]
}

export interface HeldWrite {
  readonly kind: 'bytes' | 'text' | 'json' | 'set' | 'counter' | 'deleted' | 'expired'
  /** Of the value, or of all elements. */
  readonly bytes: number
  /** Elements of a set, the sum of a counter; 1 for a value, 0 for none. */
  readonly count: number
  /** The disk that coordinated it; '' where several did. */
  readonly by: StorageId
  /** Wall time; null: never. */
  readonly expiresAtMs: number | null
}

/** Of the replicas that answered. */
export function heldVersions(
  key: string,
  records: ReadonlyMap<StorageId, StoreRecord>,
  nowMs: number,
): ReadonlyMap<StorageId, HeldVersion> {
  const all = [...records.values()].reduce(joinRecords, EMPTY_RECORD)
  const newest = encodeRecord(all)
  return new Map(
    [...records].map(([id, record]) => {
      const isCurrent = Buffer.compare(encodeRecord(record), newest) === 0
      return [id, { ...heldVersion(key, record, nowMs), isCurrent }]
    }),
  )
}

function heldVersion(
  key: string,
  record: StoreRecord,
  nowMs: number,
): Omit<HeldVersion, 'isCurrent'> {
  const { known } = record
  const context = known.vector.size === 0 && known.dots.length === 0 ? '' : contextText(known, key)
  return { context, siblingCount: siblingCountOf(record, nowMs), writes: writesOf(record, nowMs) }
}

function writesOf(record: StoreRecord, nowMs: number): HeldWrite[] {
  const { known, siblings, elements, replaced } = record
  const seen = new Set(visibleSiblings(record, nowMs))
  const shown = [...seen, ...siblings.filter((each) => !seen.has(each))]
  const writes = shown.map((sibling): HeldWrite => {
    const { kind, value, dot, expiresAtMs } = sibling
    const isShown = seen.has(sibling)
    const told = kind === 'tombstone' ? 'deleted' : isShown ? kind : 'expired'
    const rest = { by: dot.actor, expiresAtMs: expiresAtMs === 0 ? null : expiresAtMs }
    return { kind: told, bytes: value.length, count: Number(isShown), ...rest }
  })
  const apart = { by: '', expiresAtMs: null }
  if (elements.length > 0) {
    const bytes = elements.reduce((sum, { value }) => sum + value.length, 0)
    const count = new Set(elements.map(elementName)).size
    writes.push({ kind: 'set', bytes, count, ...apart })
  }
  if (isCounting(known.sums, replaced)) {
    const count = numberOf(countOf(known.sums, replaced))
    writes.push({ kind: 'counter', bytes: 0, count, ...apart })
  }
  return writes
}
