/** One write and all who watch it: until the last of them knows. */
import { type Bench, choose, OURS } from '../harness/bench.ts'
import { compare, offersOf, usualPlan } from '../harness/compare.ts'
import type { Report } from '../harness/report.ts'
import type { Section } from '../harness/section.ts'

const WORK = 'fan-out'

export const fanOutSection: Section = {
  name: WORK,
  title: 'One write, one watcher and 1000: until all have heard',
  needs: [],
  systems: ['atoll', 'etcd'],
  run: async (bench: Bench, report: Report) => {
    const ours = bench.systems.get(OURS)
    if (!offersOf(bench, WORK).some(({ system }) => system === ours)) {
      report.note('This atolld has no watch of values yet: left out.')
      return
    }
    const plan = { ...usualPlan(bench), loads: [{ kind: 'closed', inFlight: 1 }] } as const
    for (const keys of [1, choose(bench, 1_000, 200)]) {
      const label = keys === 1 ? 'one watcher' : `${keys} watchers`
      await compare(bench, report, WORK, { keys, valueBytes: 0 }, { ...plan, label })
    }
  },
}
