/**
 * A list of keys in few bytes: of each, how many bytes it has in common with the one before, and
 * the rest. Sorted keys are alike, and most of what replicas compare is keys.
 */
import { utf8, utf8ToText } from '../../base/bytes.ts'
import { KEY_BYTES_MAX } from '../../base/value.ts'
import { WireError, type WireReader, type WireWriter } from '../../wire/codec.ts'

export function writeKeys(out: WireWriter, keys: readonly string[]): void {
  let before: Uint8Array = new Uint8Array()
  out.list(keys, (to, key) => {
    const bytes = utf8(key)
    let shared = 0
    while (shared < before.length && before[shared] === bytes[shared]) shared++
    to.uint(shared).bytes(bytes.subarray(shared))
    before = bytes
  })
}

/** Throws WireError on anything that is no list of at most so many keys. */
export function readKeys(from: WireReader, keysMax: number): string[] {
  const before = new Uint8Array(KEY_BYTES_MAX)
  let length = 0
  return from.list(keysMax, (each) => {
    const shared = each.uint(length)
    const rest = each.bytes(KEY_BYTES_MAX - shared)
    before.set(rest, shared)
    length = shared + rest.length
    const key = utf8ToText(before.subarray(0, length))
    if (key === null) throw new WireError('a key is not valid UTF-8')
    return key
  })
}
