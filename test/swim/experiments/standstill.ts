/**
 * Ours, beside Lifeguard: members whose whole process stands still again and again, timers and all, as
 * a Node daemon does on a machine without time for it. It wakes for moments only, sees to its timers
 * before it reads its sockets, and takes answers that wait there for silence.
 */
import { numberOf } from '../../bench/harness/table.ts'
import type { Experiment } from './experiment.ts'
import { agrees, byEffort } from './experiment.ts'
import type { Case, Measured } from './false-positives.ts'
import { measureFalsePositives, totals } from './false-positives.ts'
import { groupBy } from './samples.ts'

export const standstill: Experiment<Case, Measured> = {
  name: 'standstill',
  title: 'Suspicions of healthy members by processes that stand still',
  source: 'ours: no published figures',
  setUp: [
    'a part of the members stands still for 2.048 s, runs for 4 ms, again and again, for a minute',
    'atoll without standstill detection is Lifeguard; with it, see src/swim/README.md, "Standstill"',
  ],
  cases: (scale) => {
    const members = scale.members ?? byEffort(scale, { tiny: 24, quick: 64, full: 128 })
    const forMs = byEffort(scale, { tiny: 30_000, quick: 30_000, full: 60_000 })
    const counts = byEffort(scale, { tiny: [4], quick: [8], full: [1, 4, 16] })
    return counts.flatMap((count) =>
      ['SWIM', 'Lifeguard', 'atoll'].map((name) => ({
        members,
        variant: name,
        spells: { kind: 'stalled' as const, count, slowMs: 2048, wellMs: 4 },
        forMs,
      })),
    )
  },
  seeds: (scale) => byEffort(scale, { tiny: 1, quick: 1, full: 2 }),
  measure: measureFalsePositives,

  report: (runs) => {
    const rows = [...groupBy(runs, ({ of }) => of.variant)].map(([name, of]) => totals(name, of))
    const of = (name: string) => rows.find((row) => row.name === name) as ReturnType<typeof totals>
    const [swim, lifeguard, ours] = [of('SWIM'), of('Lifeguard'), of('atoll')]
    return {
      head: ['', 'suspicions', 'FP', 'FP−'],
      rows: rows.map(({ name, suspicions, fp, fpHealthy }) => [
        name,
        numberOf(suspicions),
        numberOf(fp),
        numberOf(fpHealthy),
      ]),
      verdicts: [
        agrees(
          'local health makes suspicions fewer, standstill detection makes them rare',
          lifeguard.suspicions < swim.suspicions && ours.suspicions <= 0.02 * swim.suspicions,
          `${numberOf(swim.suspicions)} → ${numberOf(lifeguard.suspicions)} → ${numberOf(ours.suspicions)}`,
        ),
        agrees('nobody well is called dead by atoll', ours.fp === 0, numberOf(ours.fp)),
      ],
      plots: [],
    }
  },
}
