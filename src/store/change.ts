/** A change of what this disk holds of a key, durable by now: for all that follow what is here. */
import type { StoreRecord } from './record.ts'

/** A record and how many bytes it takes. */
export interface Sized {
  readonly record: StoreRecord
  readonly bytes: number
}

export interface Change {
  readonly partition: number
  readonly key: string
  /** null: nothing was here. The same as `after`: it has merely been made durable. */
  readonly before: Sized | null
  /** null: it was dropped. */
  readonly after: Sized | null
}
