/** Change of a value under a condition: over many keys, and all callers on one. */
import { type Bench, choose } from '../harness/bench.ts'
import { compare, type Plan, usualPlan } from '../harness/compare.ts'
import { plotLoads } from '../harness/load-plots.ts'
import type { Report } from '../harness/report.ts'
import type { Section } from '../harness/section.ts'

const SYSTEMS = ['atoll', 'etcd', 'zookeeper', 'nats']
const VALUE_BYTES = 100

export const casSection: Section = {
  name: 'cas',
  title: 'Read, compare, put, over 1000 keys',
  needs: [],
  systems: SYSTEMS,
  run: async (bench: Bench, report: Report) => {
    const sizes = { keys: 1_000, valueBytes: VALUE_BYTES }
    const rows = await compare(
      bench,
      report,
      'cas',
      sizes,
      closedPlan(bench, [1, 64, 256], [1, 64]),
    )
    plotLoads(report, 'Read, compare, put, over 1000 keys', rows)
  },
}

export const hotKeySection: Section = {
  name: 'hot-key',
  title: 'Read, compare, put, until nobody was in between, all on one key',
  needs: [],
  systems: SYSTEMS,
  run: async (bench: Bench, report: Report) => {
    const sizes = { keys: 1, valueBytes: VALUE_BYTES }
    const rows = await compare(
      bench,
      report,
      'cas',
      sizes,
      closedPlan(bench, [1, 4, 16, 64], [1, 16]),
    )
    plotLoads(report, 'Read, compare, put, on one key', rows)
    for (const work of bench.quick ? [] : ['write', 'read']) {
      const loads = closedPlan(bench, [64], [64])
      await compare(bench, report, work, sizes, { ...loads, leadOnly: true, label: work })
    }
    report.note('An operation is a change that held; the attempts that lost are inside its time.')
  },
}

export const lockSection: Section = {
  name: 'lock',
  title: 'Acquire a lock and release it, all callers on one lock',
  needs: [],
  systems: ['atoll', 'zookeeper'],
  run: async (bench: Bench, report: Report) => {
    const sizes = { keys: 1, valueBytes: 0 }
    const rows = await compare(
      bench,
      report,
      'lock',
      sizes,
      closedPlan(bench, [1, 4, 16, 64], [1, 16]),
    )
    plotLoads(report, 'Acquire and release one lock', rows)
  },
}

/** Without open loads: of callers that lose to each other there is no rate to offer. */
function closedPlan(bench: Bench, full: readonly number[], quick: readonly number[]): Plan {
  const loads = choose(bench, full, quick).map(
    (inFlight) => ({ kind: 'closed', inFlight }) as const,
  )
  return { ...usualPlan(bench), loads }
}
