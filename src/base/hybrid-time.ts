/**
 * Hybrid logical time in one number (Kulkarni et al., 2014): milliseconds times 1024, and between
 * them a counter. It follows what it must exceed, and so it has to be judged whether a number of
 * somebody else may be believed: one clock that is years ahead must not drag all others along, nor
 * use up the 53 bits that there are.
 */
import { AtollError } from './errors.ts'

export const UNITS_PER_MS = 1024
/** How far ahead of this machine's clock, and of all that it has seen, a number may be. */
export const SKEW_MS_MAX = 24 * 60 * 60 * 1000
const SKEW_MAX = SKEW_MS_MAX * UNITS_PER_MS
/** 2020: a clock before it was never set. Many small machines start in 1970. */
const SET_CLOCK_MS = 1_577_836_800_000
/** 2200: what is believed by who has no idea of the time. Half a century before the end. */
export const UNJUDGED_MS_MAX = 7_258_118_400_000

export function isClockSet(wallMs: number): boolean {
  return wallMs >= SET_CLOCK_MS
}

/** Above what was seen, and not before the time. Throws INTERNAL when the numbers end, in 2248. */
export function counterAfter(seen: number, wallMs: number): number {
  const number = Math.max(seen + 1, Math.floor(wallMs) * UNITS_PER_MS, 1)
  if (Number.isSafeInteger(number)) return number
  throw new AtollError('INTERNAL', 'the numbers of hybrid time ran out')
}

/**
 * The highest number to be believed by who has this clock and has taken `seen` (0: none). A clock
 * that was never set is no measure.
 */
export function counterLimit(seen: number, wallMs: number): number {
  const knownMs = isClockSet(wallMs) ? Math.floor(wallMs) + SKEW_MS_MAX : UNJUDGED_MS_MAX
  return Math.max(knownMs * UNITS_PER_MS, seen + SKEW_MAX)
}
