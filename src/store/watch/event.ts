/** What a watch tells of a key: its state, and by that what has become of it. */
import { decodeValue } from '../../base/value.ts'
import type { KvEvent } from '../api.ts'
import { type StoreRecord, visibleSiblings } from '../record.ts'
import { versionText } from '../version-vector.ts'

export function eventOf(key: string, record: StoreRecord, nowMs: number, cursor: string): KvEvent {
  const version = versionText(record.known)
  const [newest, ...others] = visibleSiblings(record, nowMs)
  if (newest === undefined) {
    const hasExpired = record.siblings.some(({ kind }) => kind !== 'tombstone')
    return { kind: hasExpired ? 'expire' : 'delete', key, version, cursor }
  }
  const value = decodeValue(newest.kind, newest.value)
  const siblings = others.map((each) => decodeValue(each.kind, each.value))
  return { kind: siblings.length > 0 ? 'merge' : 'put', key, value, version, siblings, cursor }
}
