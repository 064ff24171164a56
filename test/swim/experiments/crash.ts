/**
 * Ours beside Serf: a process is killed. Its machine's kernel resets its connections and refuses new
 * ones, and when two members have met the closed port, the suspicion lasts one period more
 * (src/swim/README.md, "Evidence").
 */
import { LAN } from '../../../src/swim/parameters.ts'
import { Cluster } from '../cluster.ts'
import type { Experiment } from './experiment.ts'
import { agrees, byEffort, UNKNOWN } from './experiment.ts'
import { groupBy, quantile, seconds } from './samples.ts'

interface Case {
  readonly members: number
  /** The machine vanishes with the process: nobody refuses, all is silence. */
  readonly silent: boolean
  readonly crashes: number
}

interface Measured {
  readonly suspectMs: readonly number[]
  readonly firstMs: readonly number[]
  readonly allMs: readonly number[]
  readonly falseDeaths: number
}

/** Serf 16 agents, LAN profile, loopback, kill −9: known by all others after 6.8, 7.8 and 10.5 s. */
const SERF_ALL_MS = 7800

export const crash: Experiment<Case, Measured> = {
  name: 'crash',
  title: 'A killed process, and a vanished machine',
  source: 'our measurement of Serf, 16 agents on one machine: all know after 6.8, 7.8, 10.5 s',
  setUp: [
    `the LAN profile: α = ${LAN.suspicionMult}, period 1 s`,
    'killed: connections are reset, the port is closed; vanished: silence',
  ],
  cases: (scale) => {
    const sizes = byEffort(scale, { tiny: [16], quick: [16, 128], full: [5, 16, 128] })
    const crashes = byEffort(scale, { tiny: 3, quick: 4, full: 10 })
    const given = scale.members === null ? sizes : [scale.members]
    return given.flatMap((members) => [false, true].map((silent) => ({ members, silent, crashes })))
  },
  seeds: (scale) => byEffort(scale, { tiny: 1, quick: 1, full: 2 }),

  measure: async ({ members, silent, crashes }, seed) => {
    const suspectMs: number[] = []
    const firstMs: number[] = []
    const allMs: number[] = []
    let falseDeaths = 0
    for (let i = 0; i < crashes; i++) {
      const cluster = new Cluster({ seed: `${seed}/${i}`, size: members, joined: true })
      cluster.run(5000 + cluster.random.float() * LAN.periodMs)
      const start = cluster.now
      const from = cluster.seen.length
      if (silent) cluster.vanish(1)
      else cluster.kill(1)
      cluster.until('dead', () => cluster.all(1, 'dead'), 60_000)
      const times = (of: string) =>
        cluster.seen.slice(from).flatMap(({ kind, at }) => (kind === of ? [at - start] : []))
      suspectMs.push(quantile(times('suspect'), 0))
      firstMs.push(quantile(times('dead'), 0))
      allMs.push(quantile(times('dead'), 1))
      falseDeaths += cluster.falseDeaths().length
    }
    return { suspectMs, firstMs, allMs, falseDeaths }
  },

  report: (runs) => {
    const rows = [...groupBy(runs, ({ of }) => `${of.members} ${of.silent}`).values()].map((of) => {
      const all = (key: 'suspectMs' | 'firstMs' | 'allMs') =>
        of.flatMap(({ measured }) => measured[key])
      const { members, silent } = (of[0] as (typeof of)[number]).of
      return {
        members,
        silent,
        suspect: quantile(all('suspectMs'), 0.5),
        first: quantile(all('firstMs'), 0.5),
        all: quantile(all('allMs'), 0.5),
        worst: quantile(all('allMs'), 1),
        falseDeaths: of.reduce((total, { measured }) => total + measured.falseDeaths, 0),
      }
    })
    const killed = rows.find(({ members, silent }) => members >= 16 && !silent) ?? rows[0]
    const allMs = killed?.all ?? Number.NaN
    return {
      head: ['', 'suspect s', 'first dead s', 'all, median s', 'all, worst s', 'Serf, all s'],
      rows: rows.map((row) => [
        `${row.members}, ${row.silent ? 'vanished' : 'killed'}`,
        seconds(row.suspect),
        seconds(row.first),
        seconds(row.all),
        seconds(row.worst),
        row.members === 16 && !row.silent ? '6.8, 7.8, 10.5' : UNKNOWN,
      ]),
      verdicts: [
        agrees(
          'a crash is known to all in a third of Serf’s time',
          allMs <= SERF_ALL_MS / 3,
          `${seconds(allMs)} s; Serf’s median ${seconds(SERF_ALL_MS)} s`,
        ),
        agrees(
          'nobody else is called dead',
          rows.every(({ falseDeaths }) => falseDeaths === 0),
          `${rows.reduce((total, { falseDeaths }) => total + falseDeaths, 0)} times`,
        ),
      ],
      plots: [],
    }
  },
}
