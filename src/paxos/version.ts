/** Revisions as programs see them: opaque text that grows, as text too. */
import { AtollError } from '../base/errors.ts'

const RADIX = 36
/** Enough for every safe integer. */
const LENGTH = 11

export function versionOf(revision: number): string {
  return revision.toString(RADIX).padStart(LENGTH, '0')
}

/** Throws AtollError USAGE. */
export function revisionOf(version: string): number {
  const revision = /^[0-9a-z]{1,11}$/.test(version) ? Number.parseInt(version, RADIX) : Number.NaN
  if (Number.isSafeInteger(revision)) return revision
  throw new AtollError('USAGE', `"${version.slice(0, 40)}" is no version`, {
    hint: 'give back the version that a call returned, unchanged',
  })
}
