/** Timing of work that is over when its call returns. */
import type { Report } from '../harness/report.ts'
import { figure } from '../harness/results.ts'

const ROUNDS = 5
const NS_PER_MS = 1e6

/** One row: the time of a call in each round, after one round that does not count. */
export function timeCalls(
  report: Report,
  what: string,
  setting: string,
  calls: number,
  work: (i: number) => unknown,
): void {
  let next = 0
  const round = (): number => {
    const startMs = performance.now()
    for (let i = 0; i < calls; i++) work(next++)
    return ((performance.now() - startMs) * NS_PER_MS) / calls
  }
  round()
  const times = Array.from({ length: ROUNDS }, round)
  report.row({ what, setting, figures: { time: figure('ns', 'less', times) } })
}
