/** Keys with revisions: what somebody watches and knows of them, or what has come to be. */
import { KEY_BYTES_MAX } from '../base/value.ts'
import { WireReader, WireWriter } from '../wire/codec.ts'
import { WATCH_KEYS } from './limits.ts'

export type KeyRevision = readonly [key: string, revision: number]

export function encodeKeyRevisions(list: readonly KeyRevision[]): Uint8Array {
  return new WireWriter()
    .list(list, (to, [key, revision]) => to.string(key).uint(revision))
    .finish()
}

/** Throws WireError. */
export function decodeKeyRevisions(bytes: Uint8Array): KeyRevision[] {
  return new WireReader(bytes).list(WATCH_KEYS, (from) => {
    return [from.string(KEY_BYTES_MAX), from.uint()] as const
  })
}
