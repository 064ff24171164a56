/**
 * Clocks. They order concurrent writes and date log lines, so a machine that keeps time over the
 * network (tens of milliseconds at worst) must not be warned about, and one that does not should:
 * hence half a second. Beyond a day writes and certificates are refused.
 */
import type { Finding } from '../watch-api.ts'
import { plural } from '../../base/plural.ts'
import { fail, listed, ok, time, warn } from './finding.ts'

export const CLOCK_WARN_MS = 500
export const CLOCK_FAIL_MS = 24 * 3_600_000

export interface ClockOffset {
  readonly name: string
  /** Its clock minus ours. */
  readonly offsetMs: number
  /** The truth lies within this, either way: half of the round trip. */
  readonly uncertaintyMs: number
}

const FIX = 'keep time over the network on each machine: timedatectl set-ntp true'

export function checkClocks(offsets: readonly ClockOffset[]): Finding[] {
  if (offsets.length === 0) return []
  const apart = offsets.filter((each) => certainMs(each) > CLOCK_WARN_MS)
  if (apart.length === 0) {
    const most = Math.max(...offsets.map(({ offsetMs }) => Math.abs(offsetMs)))
    const unsure = Math.max(...offsets.map(({ uncertaintyMs }) => uncertaintyMs))
    const others = plural(offsets.length, 'other member')
    return [ok('clock', `${others} at most ${time(most)} away (± ${time(unsure)})`)]
  }
  const all = apart.length === offsets.length && apart.length > 1
  const who = all ? 'the clock of this machine against all others: ' : ''
  const shown = listed(apart.map(({ name, offsetMs }) => `${name} ${direction(offsetMs)}`))
  const severe = apart.some((each) => certainMs(each) > CLOCK_FAIL_MS)
  const refused = severe ? '; writes and certificates are refused' : ''
  return [(severe ? fail : warn)('clock', `${who}${shown}${refused}`, FIX)]
}

/** By so much it is off for certain. */
function certainMs({ offsetMs, uncertaintyMs }: ClockOffset): number {
  return Math.abs(offsetMs) - uncertaintyMs
}

function direction(offsetMs: number): string {
  return `${time(Math.abs(offsetMs))} ${offsetMs > 0 ? 'ahead' : 'behind'}`
}
