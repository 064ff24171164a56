/**
 * Lifeguard §5, true failures: members fall silent for good; how long until somebody calls them dead
 * (first detection), and until all do (dissemination). Lifeguard must not pay for its fewer false
 * alarms with later true ones.
 */
import { suspicionMinMs } from '../../../src/swim/suspicion.ts'
import { Cluster } from '../cluster.ts'
import type { Experiment, Run } from './experiment.ts'
import { agrees, byEffort, UNKNOWN } from './experiment.ts'
import { groupBy, quantile, seconds } from './samples.ts'
import { pickSlow } from './slow-members.ts'
import { coreOf, profileOf, variant } from './variants.ts'

interface Case {
  readonly members: number
  readonly variant: string
  /** C: members that fall silent at the same moment. */
  readonly failures: number
}

interface Measured {
  readonly firstMs: readonly number[]
  readonly allMs: readonly number[]
}

const VARIANTS = ['SWIM', 'Lifeguard', 'atoll']
/** Named with the set-up in our design: 128 members, α = 5. */
const PUBLISHED_MEDIAN_S: Readonly<Record<string, string>> = { SWIM: '≈ 12.4', Lifeguard: '≈ 12.4' }

export const detection: Experiment<Case, Measured> = {
  name: 'detection',
  title: 'True failures: first detection and dissemination',
  source: 'Lifeguard (arXiv 1707.00788) §5',
  setUp: [
    'as there: 128 members, α = 5, β = 6 (1 without LHA-Suspicion), K = 3, period 1 s, time-out 500 ms',
    'as there: C members at once; here they stay silent for ever, so that each must be found',
    'atoll: the LAN profile, α = 4; silence only, since a closed port would be found sooner (see crash)',
  ],
  cases: (scale) => {
    const members = scale.members ?? byEffort(scale, { tiny: 32, quick: 128, full: 128 })
    const counts = byEffort(scale, { tiny: [4], quick: [1, 16], full: [1, 4, 8, 16, 32] })
    return VARIANTS.flatMap((name) =>
      counts.map((failures) => ({ members, variant: name, failures })),
    )
  },
  seeds: (scale) => byEffort(scale, { tiny: 3, quick: 1, full: 2 }),

  measure: async ({ members, variant: name, failures }, seed) => {
    const chosen = variant(name)
    const profile = profileOf(chosen)
    const core = await coreOf(chosen)
    const cluster = new Cluster({ seed, size: members, joined: true, profile, core })
    cluster.run(15_000)
    const failed = pickSlow(cluster, failures)
    const start = cluster.now
    const from = cluster.seen.length
    for (const index of failed) cluster.vanish(index)
    const expected = failures * (members - failures)
    const deaths = () => cluster.seen.slice(from).filter(({ kind }) => kind === 'dead')
    while (deaths().length < expected && cluster.now - start < 120_000) cluster.run(1000)
    const byMember = groupBy(deaths(), ({ of }) => of)
    const times = [...byMember.values()].map((of) => of.map(({ at }) => at - start))
    return {
      firstMs: times.map((of) => quantile(of, 0)),
      // NaN would vanish on the way to another process.
      allMs: times.filter((of) => of.length >= members - failures).map((of) => quantile(of, 1)),
    }
  },

  report: (runs) => {
    const [first] = runs
    const members = first?.of.members ?? 0
    const rows = [...groupBy(runs, ({ of }) => of.variant)].map(([name, of]) => summary(name, of))
    const of = (name: string) => rows.find((row) => row.name === name) as Summary
    const [swim, lifeguard, ours] = [of('SWIM'), of('Lifeguard'), of('atoll')]
    const least = suspicionMinMs(profileOf(variant('Lifeguard')), members)
    const faster = 1 - ours.median / lifeguard.median
    return {
      head: [
        '',
        'first, median s',
        'published',
        'first, p99 s',
        'all, median s',
        'all, p99 s',
        'not found',
      ],
      rows: rows.map((row) => [
        row.name,
        seconds(row.median),
        (members === 128 ? PUBLISHED_MEDIAN_S[row.name] : undefined) ?? UNKNOWN,
        seconds(row.p99),
        seconds(row.allMedian),
        seconds(row.allP99),
        String(row.missing),
      ]),
      verdicts: [
        agrees(
          `found about two periods after the least suspicion of ${seconds(least)} s (n = 128: 10.54 s, so 12.4 s)`,
          Math.abs(lifeguard.median - least - 1900) < 300 + 3000 / Math.sqrt(lifeguard.count),
          `${seconds(lifeguard.median)} s`,
        ),
        agrees(
          'Lifeguard finds true failures about as soon as SWIM',
          lifeguard.median < 1.1 * swim.median && lifeguard.allMedian < 1.1 * swim.allMedian,
          `first ${seconds(lifeguard.median)} s, SWIM ${seconds(swim.median)} s; all ${seconds(lifeguard.allMedian)} s, SWIM ${seconds(swim.allMedian)} s`,
        ),
        agrees(
          'with α = 4 about 20 % sooner than with α = 5',
          faster > 0.1 && faster < 0.3,
          `${Math.round(faster * 100)} %`,
        ),
        agrees(
          'every failure is found by all',
          rows.every(({ missing }) => missing === 0),
          `${rows.reduce((total, { missing }) => total + missing, 0)} not found`,
        ),
      ],
      plots: [
        {
          title: `First detection of C silent members of ${members}`,
          x: { label: 'C', scale: 'log' },
          y: { label: 'median s', scale: 'linear' },
          series: rows.map(({ name, byCount }) => ({ name, points: byCount })),
        },
      ],
    }
  },
}

type Summary = ReturnType<typeof summary>

function summary(name: string, runs: readonly Run<Case, Measured>[]) {
  const firstMs = runs.flatMap(({ measured }) => measured.firstMs)
  const allMs = runs.flatMap(({ measured }) => measured.allMs)
  const failures = runs.reduce((total, { of }) => total + of.failures, 0)
  return {
    name,
    count: firstMs.length,
    median: quantile(firstMs, 0.5),
    p99: quantile(firstMs, 0.99),
    allMedian: quantile(allMs, 0.5),
    allP99: quantile(allMs, 0.99),
    missing: failures - allMs.length,
    byCount: [...groupBy(runs, ({ of }) => of.failures)].map(([count, of]) => {
      const times = of.flatMap(({ measured }) => measured.firstMs)
      return [count, quantile(times, 0.5) / 1000] as const
    }),
  }
}
