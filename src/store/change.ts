/** What has changed of a key on this disk, told to all that follow it once it is durable. */
import { recordIfSound, type StoreRecord } from './record.ts'

/** A record and how many bytes it takes. */
export interface Sized {
  readonly record: StoreRecord
  readonly bytes: number
}

/** What a disk has under a key: a record, nothing, or bytes that are no record any more. */
export interface Stored {
  readonly before: Sized | null
  /** The bytes; `before` is null then. */
  readonly damaged?: Uint8Array | undefined
}

export interface Change extends Stored {
  readonly partition: number
  readonly key: string
  /** null: nothing was here. The same as `after`: it has merely been made durable. */
  readonly before: Sized | null
  /** null: it was dropped. */
  readonly after: Sized | null
}

export function storedOf(bytes: Uint8Array | undefined): Stored {
  if (bytes === undefined) return { before: null }
  const record = recordIfSound(bytes)
  return record === null
    ? { before: null, damaged: bytes }
    : { before: { record, bytes: bytes.length } }
}
