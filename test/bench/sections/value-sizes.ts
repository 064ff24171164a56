/** Writes and reads of larger values. */
import { type Bench, choose } from '../harness/bench.ts'
import { compare, usualPlan } from '../harness/compare.ts'
import { svgOf } from '../harness/plot.ts'
import type { Report } from '../harness/report.ts'
import type { Section } from '../harness/section.ts'
import { SIZES, SYSTEMS } from './store.ts'

const WORKS = ['write', 'read'] as const
/** So many values are under way at once, and so many keys are there at the most. */
const IN_FLIGHT = 32
const KEYS = 64

export const valueSizesSection: Section = {
  name: 'sizes',
  title: 'Writes and reads of values of 1 KiB and 64 KiB',
  needs: [],
  systems: SYSTEMS,
  run: async (bench: Bench, report: Report) => {
    const { rounds, seconds } = usualPlan(bench)
    const plan = {
      rounds: choose(bench, rounds, 2),
      seconds,
      leadOnly: true,
      loads: [{ kind: 'closed', inFlight: IN_FLIGHT }],
    } as const
    for (const work of WORKS) {
      const series = new Map<string, [number, number][]>()
      for (const valueBytes of choose(bench, [SIZES.valueBytes, 1024, 65_536], [1024, 65_536])) {
        const label = `${work} of ${valueBytes} bytes`
        const sizes = { keys: KEYS, valueBytes }
        for (const { what, figures } of await compare(bench, report, work, sizes, {
          ...plan,
          label,
        })) {
          const points = series.get(what) ?? []
          const perSecond = figures['throughput']?.median ?? Number.NaN
          points.push([valueBytes, (perSecond * valueBytes) / 1e6])
          series.set(what, points)
        }
      }
      report.file(`${work}.svg`, plotOf(work, series))
    }
  },
}

function plotOf(work: string, series: ReadonlyMap<string, readonly [number, number][]>): string {
  return svgOf({
    title: `${work === 'write' ? 'Writes' : 'Reads'}, ${IN_FLIGHT} in flight`,
    x: { label: 'bytes a value', scale: 'log' },
    y: { label: 'MB/s', scale: 'log' },
    series: [...series].map(([name, points]) => ({ name, points })),
  })
}
