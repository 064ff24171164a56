/** Versions and fencing tokens grow in real time: what began later never shows less. */
import { invalid, VALID, type Verdict } from './verdict.ts'

export interface Versioned {
  readonly start: number
  readonly end: number
  readonly version: number
  /** True: it made the version (all made ones differ). False: it only saw it. */
  readonly made: boolean
}

export function checkMonotone(items: readonly Versioned[]): Verdict {
  const made = new Set<number>()
  for (const { version } of items.filter((item) => item.made)) {
    if (made.has(version)) return invalid(`version ${version} was given out twice`)
    made.add(version)
  }
  const byStart = [...items].sort((a, b) => a.start - b.start)
  const byEnd = [...items].sort((a, b) => a.end - b.end)
  let highest = Number.NEGATIVE_INFINITY
  let ended = 0
  for (const item of byStart) {
    for (let done = byEnd[ended]; done !== undefined && done.end < item.start; ) {
      highest = Math.max(highest, done.version)
      done = byEnd[++ended]
    }
    const bad = item.made ? item.version <= highest : item.version < highest
    if (bad) return invalid(`version ${item.version} after ${highest} was known`)
  }
  return VALID
}
