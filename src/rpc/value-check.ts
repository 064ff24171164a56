/** What may be stored, checked before it goes anywhere: the same embedded and over the socket. */
import { utf8Excess } from '../base/bytes.ts'
import { AtollError } from '../base/errors.ts'
import { checkJson } from '../base/json-value.ts'
import { KEY_BYTES_MAX } from '../base/value.ts'
import type { KvMergeType, KvValue, Value } from '../node/api.ts'
import { SET_BYTES_MAX, VALUE_BYTES_MAX } from '../store/limits.ts'

/** Throws AtollError USAGE, naming the place within the value, or TOO_LARGE. */
export function checkValue(value: unknown, bytesMax: number): asserts value is Value {
  if (typeof value === 'string') {
    if (!value.isWellFormed()) {
      throw new AtollError('USAGE', 'the value is not well-formed text (a lone surrogate)')
    }
    return checkBytes('value', utf8Excess(value, bytesMax), bytesMax)
  }
  if (value instanceof Uint8Array) return checkBytes('value', value.length, bytesMax)
  checkJson(value)
}

/** As `checkValue`; of a set each element. */
export function checkShown(
  value: unknown,
  type: KvMergeType | undefined,
): asserts value is KvValue {
  if (type !== 'set') return checkValue(value, VALUE_BYTES_MAX)
  if (!Array.isArray(value)) throw new AtollError('USAGE', 'a set is given as a list')
  for (const element of value as readonly unknown[]) checkValue(element, SET_BYTES_MAX)
}

/** Throws AtollError TOO_LARGE. What is no text is not its business. */
export function checkKeyBytes(key: unknown): void {
  if (typeof key !== 'string') return
  checkBytes('key', utf8Excess(key, KEY_BYTES_MAX), KEY_BYTES_MAX)
}

function checkBytes(what: string, bytes: number, bytesMax: number): void {
  if (bytes <= bytesMax) return
  throw new AtollError('TOO_LARGE', `the ${what} has ${bytes} bytes; the limit is ${bytesMax}`)
}
