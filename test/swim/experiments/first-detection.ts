/**
 * SWIM §3.1: in how many protocol periods somebody first probes a member that has failed.
 * Expected e/(e − 1) = 1.58, whatever the size of the group.
 */
import { numberOf } from '../../bench/harness/table.ts'
import { LAN } from '../../../src/swim/parameters.ts'
import { Cluster } from '../cluster.ts'
import type { Experiment, Run, Scale } from './experiment.ts'
import { agrees, byEffort } from './experiment.ts'
import { groupBy, mean, standardError } from './samples.ts'

interface Case {
  readonly members: number
  readonly failures: number
}

interface Measured {
  /** Until and including the period in which somebody first probed it. */
  readonly periods: readonly number[]
  /** Until somebody first suspected it. */
  readonly suspectedMs: readonly number[]
}

const PUBLISHED = Math.E / (Math.E - 1)

export const firstDetection: Experiment<Case, Measured> = {
  name: 'first-detection',
  title: 'Periods until a silent member is first probed',
  source: 'SWIM (DSN 2002) §3.1',
  setUp: [
    'members of each size; one falls silent at a random moment; no loss, links of 0.5–5 ms',
    'as there: period T; ours 1 s, not in step among members; counted in whole periods from the failure',
    'a suspicion needs one period more, for the verdict of the probe',
  ],
  cases: (scale: Scale) =>
    byEffort(scale, {
      tiny: [8, 32],
      quick: [8, 32, 128],
      full: [8, 16, 32, 64, 128, 256],
    }).map((members) => ({
      members,
      failures: byEffort(scale, { tiny: 24, quick: 32, full: 48 }),
    })),
  seeds: (scale) => byEffort(scale, { tiny: 1, quick: 2, full: 4 }),

  measure: async ({ members, failures }, seed) => {
    const measured = { periods: [] as number[], suspectedMs: [] as number[] }
    // Few failures in one group, so that its size stays what it is.
    const each = Math.max(1, Math.floor(members / 16))
    for (let done = 0; done < failures; done += each) {
      const cluster = new Cluster({ seed: `${seed}/${done}`, size: members, joined: true })
      cluster.run(3000)
      for (let i = 0; i < each; i++) failOne(cluster, i, measured)
    }
    return measured
  },

  report: (runs) => {
    const sizes = [...groupBy(runs, ({ of }) => of.members)].map(([members, of]) =>
      summary(members, of),
    )
    const spread = sizes.every(
      ({ periods, error }) => Math.abs(periods - PUBLISHED) < 0.1 + 3 * error,
    )
    return {
      head: ['members', 'failures', 'periods, measured', 'published', 'first suspicion, mean ms'],
      rows: sizes.map(({ members, count, periods, error, suspectedMs }) => [
        String(members),
        String(count),
        `${periods.toFixed(2)} ± ${error.toFixed(2)}`,
        PUBLISHED.toFixed(2),
        numberOf(suspectedMs),
      ]),
      verdicts: [
        agrees(
          'e/(e − 1) = 1.58 periods, whatever the size',
          spread,
          sizes.map(({ members, periods }) => `${members}: ${periods.toFixed(2)}`).join(', '),
        ),
      ],
      plots: [
        {
          title: 'Periods until a silent member is first probed',
          x: { label: 'members', scale: 'log' },
          y: { label: 'protocol periods', scale: 'linear' },
          series: [
            { name: 'measured', points: sizes.map(({ members, periods }) => [members, periods]) },
            { name: 'SWIM §3.1', points: sizes.map(({ members }) => [members, PUBLISHED]) },
          ],
        },
      ],
    }
  },
}

function failOne(
  cluster: Cluster,
  index: number,
  into: { periods: number[]; suspectedMs: number[] },
): void {
  const { name } = cluster.at(index)
  cluster.vanish(index)
  const failedAt = cluster.now
  let probedAt: number | null = null
  cluster.onSend = (_, { to, message }) => {
    if (to === name && message.kind === 'ping') probedAt ??= cluster.now
  }
  const seenBefore = cluster.seen.length
  const isSuspected = () =>
    cluster.seen.slice(seenBefore).some(({ kind, of }) => kind === 'suspect' && of === name)
  cluster.until('suspected', isSuspected, 30 * LAN.periodMs)
  into.periods.push(Math.ceil(((probedAt ?? Number.NaN) - failedAt) / LAN.periodMs))
  const first = cluster.seen.find(({ kind, of }) => kind === 'suspect' && of === name)
  into.suspectedMs.push((first?.at ?? Number.NaN) - failedAt)
}

function summary(members: number, runs: readonly Run<Case, Measured>[]) {
  const periods = runs.flatMap(({ measured }) => measured.periods)
  return {
    members,
    count: periods.length,
    periods: mean(periods),
    error: standardError(periods),
    suspectedMs: mean(runs.flatMap(({ measured }) => measured.suspectedMs)),
  }
}
