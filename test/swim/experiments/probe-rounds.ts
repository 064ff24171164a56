/**
 * SWIM §4.3: how long a member goes unprobed by one other. With round-robin probing at most 2n − 1
 * periods; with random choice there is no bound.
 */
import { numberOf } from '../../bench/harness/table.ts'
import { LAN } from '../../../src/swim/parameters.ts'
import { Cluster } from '../cluster.ts'
import type { Experiment } from './experiment.ts'
import { agrees, byEffort } from './experiment.ts'
import { groupBy, mean } from './samples.ts'

interface Case {
  readonly members: number
}

interface Measured {
  readonly worstPeriods: number
  readonly meanPeriods: number
}

/** Rounds that are watched. */
const ROUNDS = 6

export const probeRounds: Experiment<Case, Measured> = {
  name: 'probe-rounds',
  title: 'Periods between two probes of one member by another',
  source: 'SWIM (DSN 2002) §4.3',
  setUp: [`a healthy group, watched for ${ROUNDS} rounds of probing; every pair of members`],
  cases: (scale) =>
    byEffort(scale, { tiny: [8], quick: [8, 32], full: [8, 32, 128] }).map((members) => ({
      members,
    })),
  seeds: (scale) => byEffort(scale, { tiny: 1, quick: 1, full: 3 }),

  measure: async ({ members }, seed) => {
    const cluster = new Cluster({ seed, size: members, joined: true })
    const last = new Map<string, number>()
    const gaps: number[] = []
    cluster.onSend = (from, { to, message }) => {
      if (message.kind !== 'ping') return
      const pair = `${from} ${to}`
      const before = last.get(pair)
      if (before !== undefined) gaps.push((cluster.now - before) / LAN.periodMs)
      last.set(pair, cluster.now)
    }
    cluster.run(ROUNDS * members * LAN.periodMs)
    return { worstPeriods: Math.max(...gaps.map(Math.round)), meanPeriods: mean(gaps) }
  },

  report: (runs) => {
    const sizes = [...groupBy(runs, ({ of }) => of.members)].map(([members, of]) => ({
      members,
      worst: Math.max(...of.map(({ measured }) => measured.worstPeriods)),
      mean: mean(of.map(({ measured }) => measured.meanPeriods)),
    }))
    return {
      head: ['members', 'mean periods', 'worst, measured', 'worst, published'],
      rows: sizes.map(({ members, worst, mean: middle }) => [
        String(members),
        numberOf(middle),
        String(worst),
        `2n − 1 = ${2 * members - 1}`,
      ]),
      verdicts: [
        agrees(
          'at most 2n − 1 periods',
          sizes.every(({ members, worst }) => worst <= 2 * members - 1),
          sizes.map(({ members, worst }) => `n = ${members}: ${worst}`).join(', '),
        ),
      ],
      plots: [],
    }
  },
}
