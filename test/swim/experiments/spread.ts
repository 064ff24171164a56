/**
 * SWIM §4.1: news spreads like an infection, to all in a time that grows with the logarithm of the
 * size of the group. The news here is a change of a member's tags, which every other must hear of and
 * then fetch from whoever told it.
 */
import { LAN } from '../../../src/swim/parameters.ts'
import { Cluster } from '../cluster.ts'
import type { Experiment } from './experiment.ts'
import { agrees, byEffort } from './experiment.ts'
import { groupBy, quantile, seconds } from './samples.ts'

interface Case {
  readonly members: number
  readonly changes: number
}

interface Measured {
  /** Until half of the others knew, and until all did. */
  readonly halfMs: readonly number[]
  readonly allMs: readonly number[]
}

export const spread: Experiment<Case, Measured> = {
  name: 'spread',
  title: 'Time until news is known to all',
  source: 'SWIM (DSN 2002) §4.1',
  setUp: [
    'one member changes a tag; all others must have the new one',
    `as there: each rumour leaves a limited number of times; λ = ${LAN.transmitMult}, on pings and acks`,
    `ours beside: ${LAN.gossipFanout} messages of gossip each ${LAN.gossipMs} ms while there is news (memberlist)`,
  ],
  cases: (scale) =>
    byEffort(scale, {
      tiny: [8, 64],
      quick: [16, 64, 256],
      full: [16, 32, 64, 128, 256, 512],
    }).map((members) => ({ members, changes: byEffort(scale, { tiny: 5, quick: 10, full: 20 }) })),
  seeds: (scale) => byEffort(scale, { tiny: 1, quick: 1, full: 2 }),

  measure: async ({ members, changes }, seed) => {
    const cluster = new Cluster({ seed, size: members, joined: true })
    cluster.run(8000)
    const halfMs: number[] = []
    const allMs: number[] = []
    for (let i = 0; i < changes; i++) {
      const from = cluster.seen.length
      const start = cluster.now
      cluster.perform(i % members, (core, now) =>
        core.updateSelf({ ...core.self(), tags: { change: String(i) } }, now),
      )
      const heard = () => cluster.seen.slice(from).filter(({ kind }) => kind === 'update')
      // One more: the member itself says so too.
      cluster.until('told', () => cluster.seen.length - from >= members, 20_000)
      const times = heard().map(({ at }) => at - start)
      halfMs.push(quantile(times, 0.5))
      allMs.push(quantile(times, 1))
      cluster.run(2000)
    }
    return { halfMs, allMs }
  },

  report: (runs) => {
    const sizes = [...groupBy(runs, ({ of }) => of.members)].map(([members, of]) => {
      const all = of.flatMap(({ measured }) => measured.allMs)
      const half = of.flatMap(({ measured }) => measured.halfMs)
      return {
        members,
        half: quantile(half, 0.5),
        all: quantile(all, 0.5),
        worst: quantile(all, 1),
      }
    })
    const boundMs = (members: number) =>
      (LAN.gossipMs * Math.log(members)) / Math.log(LAN.gossipFanout + 1)
    return {
      head: ['members', 'half, median s', 'all, median s', 'all, worst s', 'published'],
      rows: sizes.map(({ members, half, all, worst }) => [
        String(members),
        seconds(half),
        seconds(all),
        seconds(worst),
        'O(log n) periods',
      ]),
      verdicts: [
        agrees(
          'to all in a time that grows with log n: one gossip interval for each factor of fan-out + 1',
          sizes.every(({ members, all }) => all <= boundMs(members)),
          sizes
            .map(
              (each) =>
                `${each.members}: ${each.all.toFixed(0)} of ${boundMs(each.members).toFixed(0)} ms`,
            )
            .join(', '),
        ),
      ],
      plots: [
        {
          title: 'Time until news is known',
          x: { label: 'members', scale: 'log' },
          y: { label: 's', scale: 'linear' },
          series: [
            { name: 'half', points: sizes.map(({ members, half }) => [members, half / 1000]) },
            { name: 'all, median', points: sizes.map(({ members, all }) => [members, all / 1000]) },
            {
              name: 'all, worst',
              points: sizes.map(({ members, worst }) => [members, worst / 1000]),
            },
          ],
        },
      ],
    }
  },
}
