/** How much the database takes, in one commit, on its way to the disk, and in memory. */
import { assert } from '../base/assert.ts'
import { BODY_BYTES_MAX } from './log-record.ts'

export interface DatabaseLimits {
  /** The table is written to the index once it holds more than this. */
  readonly tableBytes: number
  /** Commits beyond this many bytes not yet durable are refused with BUSY. */
  readonly pendingBytes: number
  /** One commit may not be larger. */
  readonly commitBytes: number
  /** How soon a checkpoint that met a full disk is tried again. */
  readonly retryMs: number
}

export const DATABASE_LIMITS: DatabaseLimits = {
  tableBytes: 4 * 1024 * 1024,
  pendingBytes: 32 * 1024 * 1024,
  commitBytes: 8 * 1024 * 1024,
  retryMs: 5_000,
}

/** A group holds up to `pendingBytes`, and recovery must believe its record. */
export function assertLimits({ commitBytes, pendingBytes }: DatabaseLimits): void {
  assert(commitBytes <= pendingBytes, 'a commit may wait for the disk')
  assert(pendingBytes <= BODY_BYTES_MAX, 'a group fits a record')
}
