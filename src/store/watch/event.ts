/** What a watch tells of a key: its state, and by that what has become of it. */
import type { KvEvent } from '../api.ts'
import type { StoreRecord } from '../record.ts'
import { foundOf, type Shown } from '../shown.ts'
import { contextText } from '../version-vector.ts'

/** `shown`: what is to be seen of the record. */
export function eventOf(
  key: string,
  record: StoreRecord,
  [first, ...others]: readonly Shown[],
  cursor: string,
): KvEvent {
  const context = contextText(record.known, key)
  if (first === undefined) {
    const hasExpired = record.siblings.some(({ kind }) => kind !== 'tombstone')
    return { kind: hasExpired ? 'expire' : 'delete', key, context, cursor }
  }
  const kind = others.length > 0 ? 'merge' : 'put'
  const rest = others.map(({ value }) => value)
  return { kind, key, ...foundOf(first), context, others: rest, cursor }
}
