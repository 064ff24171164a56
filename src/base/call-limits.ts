/** What every call to the store or to the registers may ask for: how long, and how much at once. */
import { AtollError } from './errors.ts'
import { checkKey } from './value.ts'

export const DEFAULT_DEADLINE_MS = 2000
export const DEADLINE_MS_MAX = 60 * 60 * 1000
/** Entries of a page when a call says nothing, and at most. */
export const PAGE_ENTRIES = 100
export const PAGE_ENTRIES_MAX = 1000

/** Throws AtollError USAGE. */
export function checkedDeadline(deadlineMs: number = DEFAULT_DEADLINE_MS): number {
  if (deadlineMs > 0 && deadlineMs <= DEADLINE_MS_MAX) return deadlineMs
  throw new AtollError('USAGE', `deadlineMs is over 0 and at most ${DEADLINE_MS_MAX}`)
}

export interface PageAsked {
  readonly prefix: string
  readonly after: string
  readonly limit: number
}

/** Throws AtollError USAGE or TOO_LARGE. */
export function checkedPage(
  prefix: string,
  { after = '', limit = PAGE_ENTRIES }: { readonly after?: string; readonly limit?: number },
  entriesMax: number = PAGE_ENTRIES_MAX,
): PageAsked {
  if (!Number.isInteger(limit) || limit < 1 || limit > entriesMax) {
    throw new AtollError('USAGE', `limit is 1 to ${entriesMax}, not ${limit}`)
  }
  for (const key of [prefix, after]) if (key !== '') checkKey(key)
  return { prefix, after, limit }
}
