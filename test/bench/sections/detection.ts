/**
 * Sixteen of our daemons and sixteen Serf agents (LAN profile) at once on this machine: how long
 * until the first and until all others know of a crash (kill −9) and of a graceful leave, and how
 * many members are called dead or suspected although nothing happened to them, while loops compute
 * on every core. Both always suffer the same in the same moment.
 */
import { availableParallelism } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { AtollDaemons } from '../detection/atoll-daemons.ts'
import { startBusyLoops, stopBusyLoops } from '../detection/busy-loops.ts'
import { cumulative } from '../detection/cumulative.ts'
import type { MemberCluster } from '../detection/member-cluster.ts'
import { SerfAgents } from '../detection/serf-agents.ts'
import { falseAlarms, type Spread } from '../detection/sightings.ts'
import { type Bench, choose } from '../harness/bench.ts'
import { programNeed } from '../harness/needs.ts'
import { svgOf } from '../harness/plot.ts'
import type { Report } from '../harness/report.ts'
import { figure, type Row } from '../harness/results.ts'
import type { Section } from '../harness/section.ts'

const MEMBERS = 16
/** Of the time that Serf needs until all know of a crash. */
const BAR = 1 / 3
const FIGURES = ['known to first', 'known to all'] as const

type Both = readonly [ours: MemberCluster, serf: MemberCluster]
type Results = readonly [ours: Spread[], serf: Spread[]]

export const detectionSection: Section = {
  name: 'detection',
  title: `Crash and leave detection, ${MEMBERS} members`,
  needs: [programNeed('serf', 'serf')],
  systems: [],
  run,
}

async function run(bench: Bench, report: Report): Promise<void> {
  const serf = await SerfAgents.start(bench.children, MEMBERS)
  try {
    const ours = await AtollDaemons.start(bench.children, MEMBERS)
    try {
      await measure(bench, report, [ours, serf])
    } finally {
      await ours.stop()
    }
  } finally {
    await serf.stop()
  }
}

async function measure(bench: Bench, report: Report, both: Both): Promise<void> {
  const crashes = await crashRounds(bench, both)
  const rows = spreadRows(report, 'crash (kill −9)', both, crashes)
  report.file('crash-cdf.svg', crashPlot(crashes))
  const failures = await underLoad(bench, report, both)
  judge(report, rows, failures)
  spreadRows(report, 'graceful leave', both, await leaves(bench, both))
  report.note(
    'A leave of ours hands its partitions over first; Serf keeps no data. A suspicion is counted ' +
      'once, however many tell of it, and a false failure once for each member that believes it.',
  )
}

async function crashRounds(bench: Bench, both: Both): Promise<Results> {
  const results: Results = [[], []]
  for (let round = 0; round < choose(bench, 9, 2); round++) {
    // Never the first, which the others were told to join.
    const index = 1 + (round % (MEMBERS - 1))
    const spreads = await Promise.all(both.map((cluster) => crash(cluster, index)))
    spreads.forEach((spread, i) => results[i]?.push(spread))
    const all = both.map(({ name }, i) => `${name} ${Math.round(spreads[i]?.allMs ?? 0)} ms`)
    bench.say(`crash known to all: ${all.join(', ')}`)
    for (const cluster of both) await cluster.restart(memberAt(cluster, index))
  }
  return results
}

async function crash(cluster: MemberCluster, index: number): Promise<Spread> {
  const victim = memberAt(cluster, index)
  const startMs = performance.now()
  await cluster.crash(victim)
  const others = cluster.members.filter((member) => member !== victim)
  return cluster.sightings.heard(others, 'dead', victim, startMs)
}

/** The last ones leave, one after the other; those that are gone are no observers. */
async function leaves(bench: Bench, both: Both): Promise<Results> {
  const results: Results = [[], []]
  for (let round = 0; round < choose(bench, 3, 1); round++) {
    const index = MEMBERS - 1 - round
    const spreads = await Promise.all(
      both.map(async (cluster) => {
        const leaver = memberAt(cluster, index)
        const startMs = performance.now()
        const left = cluster.leave(leaver)
        const others = cluster.members.slice(0, index)
        const spread = await cluster.sightings.heard(others, 'left', leaver, startMs)
        await left
        return spread
      }),
    )
    spreads.forEach((spread, i) => results[i]?.push(spread))
  }
  return results
}

/** The false failures of each, over all settings of load. */
async function underLoad(bench: Bench, report: Report, both: Both): Promise<number[]> {
  const total = both.map(() => 0)
  for (const perCore of choose(bench, [0, 1, 4], [1])) {
    const seconds = choose(bench, 120, 8)
    const loops = startBusyLoops(bench.children, perCore * availableParallelism())
    const startMs = performance.now()
    await delay(seconds * 1000)
    const alarms = both.map(({ sightings }) => falseAlarms(sightings.since(startMs)))
    await stopBusyLoops(loops)
    const setting = `${loops.length} busy loops for ${seconds} s`
    bench.say(setting)
    alarms.forEach(({ failures, suspicions }, i) => {
      total[i] = (total[i] ?? 0) + failures
      const figures = {
        'false failures': figure('', 'less', [failures]),
        'false suspicions': figure('', 'less', [suspicions]),
      }
      report.row({ what: both[i]?.name ?? '', setting, figures })
    })
  }
  return total
}

function spreadRows(report: Report, setting: string, both: Both, results: Results): Row[] {
  const rows = both.map(({ name }, i) => {
    const spreads = results[i] ?? []
    return report.row({
      what: name,
      setting,
      figures: {
        'known to first': figure(
          'ms',
          'less',
          spreads.map(({ firstMs }) => firstMs),
        ),
        'known to all': figure(
          'ms',
          'less',
          spreads.map(({ allMs }) => allMs),
        ),
      },
    })
  })
  const [ours, serf] = rows
  if (ours !== undefined && serf !== undefined) report.ratios(ours, serf, FIGURES)
  return rows
}

function judge(report: Report, rows: readonly Row[], failures: readonly number[]): void {
  const [ours, serf] = rows.map(({ figures }) => figures['known to all']?.median ?? Number.NaN)
  const share = (ours ?? Number.NaN) / (serf ?? Number.NaN)
  const [mine = 0, theirs = 0] = failures
  const held = share <= BAR && mine <= theirs
  report.note(
    `Bar ${held ? 'reached' : 'MISSED'}: a crash is known to all in ${share.toFixed(2)} of Serf's ` +
      `median (at most ${BAR.toFixed(2)}), with ${mine} false failures (Serf ${theirs}).`,
  )
}

function crashPlot([ours, serf]: Results): string {
  const series = (name: string, spreads: readonly Spread[], of: (spread: Spread) => number) => ({
    name,
    points: cumulative(spreads.map((spread) => of(spread) / 1000)),
  })
  return svgOf({
    title: `A crash is known, ${MEMBERS} members`,
    x: { label: 'seconds after kill −9', scale: 'linear' },
    y: { label: 'share of crashes', scale: 'linear' },
    series: [
      series('atoll, all', ours, ({ allMs }) => allMs),
      series('atoll, first', ours, ({ firstMs }) => firstMs),
      series('serf, all', serf, ({ allMs }) => allMs),
      series('serf, first', serf, ({ firstMs }) => firstMs),
    ],
  })
}

function memberAt(cluster: MemberCluster, index: number): string {
  const member = cluster.members[index]
  if (member === undefined) throw new Error(`there is no member ${index}`)
  return member
}
