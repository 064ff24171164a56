/** Revisions as programs see them: opaque text that grows, as text too. */
import { AtollError } from '../base/errors.ts'

const RADIX = 36
/** Enough for every safe integer. */
const LENGTH = 11
/** Behind a revision: what had it was deleted, and then the deletion was forgotten. */
const GONE = '-'

/** A point in the life of a register, as far as somebody has seen it. */
export interface Point {
  /** The last that was seen; 0: there was nothing, −1: nobody has looked. */
  readonly revision: number
  /** Since then it was deleted, and the revision of that was forgotten (REGISTERS.md §5). */
  readonly isGone: boolean
}

export const UNSEEN: Point = { revision: -1, isGone: false }

export function isBefore(a: Point, b: Point): boolean {
  return a.revision < b.revision || (a.revision === b.revision && !a.isGone && b.isGone)
}

export function versionOf(revision: number): string {
  return revision.toString(RADIX).padStart(LENGTH, '0')
}

export function versionAt({ revision, isGone }: Point): string {
  return versionOf(revision) + (isGone ? GONE : '')
}

/** Throws AtollError USAGE. */
export function pointOf(version: string): Point {
  const [, digits, gone] = /^([0-9a-z]{1,11})(-?)$/.exec(version) ?? []
  const revision = digits === undefined ? Number.NaN : Number.parseInt(digits, RADIX)
  if (Number.isSafeInteger(revision)) return { revision, isGone: gone === GONE }
  throw new AtollError('USAGE', `"${version.slice(0, 40)}" is no version`, {
    hint: 'give back the version that a call returned, unchanged',
  })
}

/** Throws AtollError USAGE. */
export function revisionOf(version: string): number {
  return pointOf(version).revision
}
