/** The edit that a caller's put asks for. */
import { AtollError } from '../base/errors.ts'
import { encodeValue, type Value } from '../base/value.ts'
import type { KvPutOptions, KvValue } from './api.ts'
import { checkedDelta, checkedTtl } from './call-options.ts'
import { elementsOf } from './canonical.ts'
import type { Edit } from './edit.ts'
import { VALUE_BYTES_MAX } from './limits.ts'

export const DELETION: Edit = {
  what: 'put',
  kind: 'tombstone',
  value: new Uint8Array(),
  ttlMs: 0,
}

/** Throws USAGE or TOO_LARGE. */
export function putOf(value: KvValue, { type, ttlMs }: KvPutOptions): Edit {
  if (type === undefined) {
    // A list of bytes is a set or nothing: JSON refuses it.
    const { kind, bytes } = encodeValue(value as Value, VALUE_BYTES_MAX)
    return { what: 'put', kind, value: bytes, ttlMs: checkedTtl(ttlMs) }
  }
  if (ttlMs !== undefined) throw new AtollError('USAGE', `a ${type} lasts until it is deleted`)
  if (type === 'counter') return { what: 'count', delta: checkedDelta(value), anew: true }
  if (!Array.isArray(value)) throw new AtollError('USAGE', 'a set is given as a list')
  return { what: 'add', elements: elementsOf(value as readonly Value[]), anew: true }
}
