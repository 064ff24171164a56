/**
 * A thousand members: all start at once and know one of them; how long until all know all, what it
 * costs, and how long a failure then takes to be known.
 */
import { LAN } from '../../../src/swim/parameters.ts'
import { suspicionMinMs } from '../../../src/swim/suspicion.ts'
import { numberOf } from '../../bench/harness/table.ts'
import { Cluster } from '../cluster.ts'
import type { Experiment } from './experiment.ts'
import { agrees, byEffort, UNKNOWN } from './experiment.ts'
import { idleLoad, type Load } from './idle-load.ts'
import { mean, quantile, seconds, sum } from './samples.ts'

interface Case {
  readonly members: number
  readonly idleMs: number
}

interface Measured {
  /** How many members knew all, by the time since the start. */
  readonly knowing: Curve
  readonly halfKnewMs: number
  readonly allKnewMs: number
  readonly joinBytes: number
  readonly joinCpuMs: number
  readonly idle: Load
  readonly killed: Times
  readonly silent: Times
  readonly falseDeaths: number
}

/** Milliseconds and members. */
type Curve = readonly (readonly [number, number])[]

interface Times {
  readonly suspectMs: number
  readonly firstMs: number
  readonly allMs: number
  /** How many held it for dead, by the time since. */
  readonly knowing: Curve
}

const LOOK_MS = 50
const JOIN_MAX_MS = 120_000
/** Of a plotted curve. */
const POINTS_MAX = 60

export const thousand: Experiment<Case, Measured> = {
  name: 'thousand',
  title: 'A large group: convergence, cost, detection',
  source: 'ours: no published figures of the same set-up',
  setUp: [
    'all members start at the same moment and know one address; names as long as real ones',
    'then they are idle; then one process is killed; then one machine vanishes',
    'CPU is that of the simulator with its network: a bound from above',
  ],
  cases: (scale) => [
    {
      members: scale.members ?? byEffort(scale, { tiny: 48, quick: 200, full: 1000 }),
      idleMs: byEffort(scale, { tiny: 10_000, quick: 30_000, full: 180_000 }),
    },
  ],
  seeds: () => 1,

  measure: async ({ members, idleMs }, seed) => {
    const before = process.cpuUsage()
    const cluster = new Cluster({ seed, size: members, realNames: true })
    const knows = () => cluster.machines.filter(({ core }) => core.describe()['up'] === members)
    const knowing: [number, number][] = [[0, 0]]
    while ((knowing.at(-1)?.[1] ?? 0) < members && cluster.now < JOIN_MAX_MS) {
      cluster.run(LOOK_MS)
      knowing.push([cluster.now, knows().length])
    }
    const halfKnewMs = knowing.find(([, count]) => count * 2 >= members)?.[0] ?? JOIN_MAX_MS
    const allKnewMs = cluster.now
    const { user, system } = process.cpuUsage(before)
    cluster.run(15_000)
    const joinBytes = sum([...cluster.bytes.values()]) / members
    const idle = idleLoad(cluster, idleMs)
    const killed = fail(cluster, 7, 'kill')
    const silent = fail(cluster, 8, 'vanish')
    const joinCpuMs = (user + system) / 1000 / members
    const falseDeaths = cluster.falseDeaths().length
    return {
      knowing,
      halfKnewMs,
      allKnewMs,
      joinBytes,
      joinCpuMs,
      idle,
      killed,
      silent,
      falseDeaths,
    }
  },

  report: (runs) => {
    const of = (pick: (measured: Measured) => number) =>
      mean(runs.map(({ measured }) => pick(measured)))
    const members = runs[0]?.of.members ?? 0
    const least = suspicionMinMs(LAN, members)
    const row = (what: string, value: string) => [what, value, UNKNOWN]
    const silentMs = of(({ silent }) => silent.firstMs)
    const killedMs = of(({ killed }) => killed.allMs)
    const messages = of(({ idle }) => idle.messages)
    return {
      head: [`${members} members`, 'measured', 'published'],
      rows: [
        row('half know all, s', seconds(of((each) => each.halfKnewMs))),
        row('all know all, s', seconds(of((each) => each.allKnewMs))),
        row('bytes sent to get there, each', numberOf(of((each) => each.joinBytes))),
        row('CPU to get there, each, ms', numberOf(of((each) => each.joinCpuMs))),
        ['idle messages/s, each', messages.toFixed(2), '2 (SWIM: constant)'],
        row('idle probe bytes/s, each', numberOf(of(({ idle }) => idle.probeBytes))),
        row('idle exchange bytes/s, each', numberOf(of(({ idle }) => idle.exchangeBytes))),
        row('idle CPU, each, %', of(({ idle }) => idle.cpuPercent).toPrecision(2)),
        row('killed: first suspicion, s', seconds(of(({ killed }) => killed.suspectMs))),
        row('killed: first dead, s', seconds(of(({ killed }) => killed.firstMs))),
        row('killed: known to all, s', seconds(killedMs)),
        row('vanished: first suspicion, s', seconds(of(({ silent }) => silent.suspectMs))),
        row('vanished: first dead, s', seconds(silentMs)),
        row('vanished: known to all, s', seconds(of(({ silent }) => silent.allMs))),
      ],
      verdicts: [
        agrees(
          'messages of each member do not grow with the group',
          Math.abs(messages - 2) < 0.2,
          `${messages.toFixed(2)}/s`,
        ),
        agrees(
          `silence is found about two periods after the least suspicion of ${seconds(least)} s`,
          silentMs > least && silentMs < least + 5000,
          `${seconds(silentMs)} s`,
        ),
        agrees('a crash is known to all within 4 s', killedMs < 4000, `${seconds(killedMs)} s`),
        agrees(
          'nobody else is called dead',
          of((each) => each.falseDeaths) === 0,
          `${of((each) => each.falseDeaths)} times`,
        ),
      ],
      plots: [
        {
          title: `${members} members: how many know`,
          x: { label: 's', scale: 'linear' },
          y: { label: 'members', scale: 'linear' },
          series: [
            ['start: know all', (each: Measured) => thinned(each.knowing)] as const,
            ['one killed: know it', (each: Measured) => each.killed.knowing] as const,
            ['one vanished: know it', (each: Measured) => each.silent.knowing] as const,
          ].map(([name, curveOf]) => ({
            name,
            points: runs.flatMap(({ measured }) =>
              curveOf(measured).map(([ms, count]) => [ms / 1000, count] as const),
            ),
          })),
        },
      ],
    }
  },
}

function fail(cluster: Cluster, index: number, how: 'kill' | 'vanish'): Times {
  const { name } = cluster.at(index)
  const start = cluster.now
  const from = cluster.seen.length
  cluster[how](index)
  const expected = cluster.live().length
  const times = (what: string) =>
    cluster.seen
      .slice(from)
      .flatMap(({ kind, of, at }) => (kind === what && of === name ? [at - start] : []))
  while (times('dead').length < expected && cluster.now - start < 60_000) cluster.run(LOOK_MS)
  const allMs = times('dead').length < expected ? 60_000 : quantile(times('dead'), 1)
  const firstMs = quantile(times('dead'), 0)
  const knowing = times('dead').map((at, i) => [at, i + 1] as const)
  return { suspectMs: quantile(times('suspect'), 0), firstMs, allMs, knowing: thinned(knowing) }
}

function thinned(curve: Curve): Curve {
  const every = Math.ceil(curve.length / POINTS_MAX)
  return curve.filter((_, i) => i % every === 0 || i === curve.length - 1)
}
