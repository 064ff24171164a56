/** A write as it is asked for, before anybody coordinates it. */
import type { Edit } from './edit.ts'
import type { Context } from './version-vector.ts'

export interface Write {
  readonly key: string
  readonly edit: Edit
  /** What it replaces. */
  readonly context: Context
  /** Replaces whatever its coordinator holds as well: the writer has named no context. */
  readonly blind: boolean
}
