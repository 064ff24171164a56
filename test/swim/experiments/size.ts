/**
 * What membership costs each member when nothing happens, by the size of the group (SWIM §1 and §5:
 * the load of a member does not depend on it).
 *
 * Bytes are those of frames and state exchanges as the codec makes them, with names as long as real
 * ones, without encryption and TCP. CPU is that of the whole process that simulates, network and all,
 * so a bound from above of what the protocol and its codec take.
 */
import { LAN, pushPullIntervalMs } from '../../../src/swim/parameters.ts'
import { numberOf } from '../../bench/harness/table.ts'
import { Cluster } from '../cluster.ts'
import type { Experiment } from './experiment.ts'
import { agrees, byEffort } from './experiment.ts'
import { idleLoad, type Load } from './idle-load.ts'
import { groupBy, mean } from './samples.ts'

interface Case {
  readonly members: number
  readonly settleMs: number
  readonly forMs: number
}

export const size: Experiment<Case, Load> = {
  name: 'size',
  title: 'Idle load of each member by the size of the group',
  source: 'SWIM (DSN 2002) §5: messages per member and period do not grow with the group',
  setUp: [
    'a healthy group without news, for at least one interval of state exchanges',
    `each period one ping and one ack out; a state exchange each ${LAN.pushPullMs / 1000} s up to 32 members, then rarer`,
  ],
  cases: (scale) => {
    const sizes = byEffort(scale, { tiny: [8, 32], quick: [8, 32, 128], full: [8, 32, 128, 512] })
    return sizes.map((members) => ({
      members,
      settleMs: 15_000,
      forMs: byEffort(scale, {
        tiny: 30_000,
        quick: 60_000,
        full: Math.max(120_000, pushPullIntervalMs(LAN.pushPullMs, members)),
      }),
    }))
  },
  seeds: (scale) => byEffort(scale, { tiny: 1, quick: 1, full: 2 }),

  measure: async ({ members, settleMs, forMs }, seed) => {
    const cluster = new Cluster({ seed, size: members, joined: true, realNames: true })
    cluster.run(settleMs)
    return idleLoad(cluster, forMs)
  },

  report: (runs) => {
    const sizes = [...groupBy(runs, ({ of }) => of.members)].map(([members, of]) => {
      const of1 = (key: keyof Load) => mean(of.map(({ measured }) => measured[key]))
      return {
        members,
        messages: of1('messages'),
        probeBytes: of1('probeBytes'),
        exchangeBytes: of1('exchangeBytes'),
        cpuPercent: of1('cpuPercent'),
      }
    })
    return {
      head: ['members', 'messages/s', 'published', 'probe bytes/s', 'exchange bytes/s', 'CPU %'],
      rows: sizes.map((row) => [
        String(row.members),
        row.messages.toFixed(2),
        'constant',
        numberOf(row.probeBytes),
        numberOf(row.exchangeBytes),
        row.cpuPercent.toPrecision(2),
      ]),
      verdicts: [
        agrees(
          'messages of each member do not grow with the group',
          sizes.every(({ messages }) => Math.abs(messages - 2) < 0.2),
          sizes.map(({ members, messages }) => `${members}: ${messages.toFixed(2)}/s`).join(', '),
        ),
      ],
      plots: [
        {
          title: 'Idle bytes of each member',
          x: { label: 'members', scale: 'log' },
          y: { label: 'bytes/s', scale: 'linear' },
          series: [
            { name: 'probes and acks', points: sizes.map((row) => [row.members, row.probeBytes]) },
            {
              name: 'state exchanges',
              points: sizes.map((row) => [row.members, row.exchangeBytes]),
            },
          ],
        },
      ],
    }
  },
}
