/**
 * Two ordered lists beside the records, so that nobody scans all data for what is over: keys that
 * are dead, by partition, and values that expire, by time. A row is written in the commit of the
 * record that it belongs to, and follows from that record alone. What the sweep adds (a key whose
 * values have expired) is checked by whoever takes it from the list.
 */
import type { Write } from '../../disk/database.ts'
import { isDead, type StoreRecord } from '../record.ts'

const DEAD = 'gc/dead/'
const EXPIRY = 'gc/expiry/'
/** Enough for any time that a record can bear; sorts as numbers do. */
const TIME_DIGITS = 14
const NOTHING = new Uint8Array()

/** Where the rows of all partitions lie; '0' is the character after '/'. */
export const DEAD_RANGE = { from: DEAD, to: 'gc/dead0' } as const
export const EXPIRY_RANGE = { from: EXPIRY, to: 'gc/expiry0' } as const

export function deadRow(partition: number, key: string): Write {
  return { key: deadPrefix(partition) + key, value: NOTHING }
}

/** All rows of a partition lie between this and `deadEnd`. */
export function deadPrefix(partition: number): string {
  return `${DEAD}${hex(partition, 4)}/`
}

export function deadEnd(partition: number): string {
  return `${DEAD}${hex(partition, 4)}0`
}

/** The partition and key that a row of the dead names. */
export function deadOf(row: string): { readonly partition: number; readonly key: string } {
  const partition = Number.parseInt(row.slice(DEAD.length, DEAD.length + 4), 16)
  return { partition, key: row.slice(DEAD.length + 5) }
}

export interface Expiry {
  readonly atMs: number
  readonly partition: number
  readonly key: string
}

export function expiryRow({ atMs, partition, key }: Expiry): Write {
  return { key: `${EXPIRY}${hex(atMs, TIME_DIGITS)}/${hex(partition, 4)}/${key}`, value: NOTHING }
}

export function expiryOf(row: string): Expiry {
  const time = row.slice(EXPIRY.length, EXPIRY.length + TIME_DIGITS)
  const at = EXPIRY.length + TIME_DIGITS + 1
  return {
    atMs: Number.parseInt(time, 16),
    partition: Number.parseInt(row.slice(at, at + 4), 16),
    key: row.slice(at + 5),
  }
}

/** What to write when a record becomes another; null: there is none. */
export function rowChanges(
  partition: number,
  key: string,
  before: StoreRecord | null,
  after: StoreRecord | null,
): readonly Write[] {
  const [old, now] = [rowsOf(partition, key, before), rowsOf(partition, key, after)]
  if (old.size === 0 && now.size === 0) return NONE
  const writes: Write[] = []
  for (const row of old) if (!now.has(row)) writes.push({ key: row, value: null })
  for (const row of now) if (!old.has(row)) writes.push({ key: row, value: NOTHING })
  return writes
}

const NONE: readonly Write[] = []
const NO_ROWS: ReadonlySet<string> = new Set()

/** Whether the record has no row: nearly all have none. */
function isPlain(record: StoreRecord): boolean {
  const { siblings, elements } = record
  if (siblings.length === 0) return elements.length > 0
  return siblings.every(({ kind, expiresAtMs }) => kind !== 'tombstone' && expiresAtMs === 0)
}

function rowsOf(partition: number, key: string, record: StoreRecord | null): ReadonlySet<string> {
  if (record === null || isPlain(record)) return NO_ROWS
  const rows = new Set(expiriesOf(record).map((atMs) => expiryRow({ atMs, partition, key }).key))
  if (isDead(record, 0)) rows.add(deadRow(partition, key).key)
  return rows
}

/** When values of the record expire. */
export function expiriesOf({ siblings }: StoreRecord): number[] {
  return siblings.flatMap(({ kind, expiresAtMs }) =>
    expiresAtMs > 0 && kind !== 'tombstone' ? [expiresAtMs] : [],
  )
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0')
}
