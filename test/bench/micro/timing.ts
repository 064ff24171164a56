/** Timing of work that is over when its call returns. */
import type { Report } from '../harness/report.ts'
import { figure } from '../harness/results.ts'

const ROUNDS = 5
/** In a millisecond. */
const UNITS = { ns: 1e6, µs: 1e3 } as const

/** One row: the time of a call in each round, after one round that does not count. */
export function timeCalls(
  report: Report,
  what: string,
  setting: string,
  calls: number,
  work: (i: number) => unknown,
  unit: keyof typeof UNITS = 'ns',
): void {
  let next = 0
  const round = (): number => {
    const startMs = performance.now()
    for (let i = 0; i < calls; i++) work(next++)
    return ((performance.now() - startMs) * UNITS[unit]) / calls
  }
  round()
  const times = Array.from({ length: ROUNDS }, round)
  report.row({ what, setting, figures: { time: figure(unit, 'less', times) } })
}
