/**
 * A cluster of three loses a member under open-loop load, by kill −9 and, in another run, by
 * SIGSTOP for some seconds: how long nobody gets an answer, how long the unluckiest caller waits,
 * and how it looks over time, ours beside etcd's.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { startAtollTrio } from '../fail-over/atoll-trio.ts'
import { startEtcdTrio } from '../fail-over/etcd-trio.ts'
import type { FailOverCluster, Fault, Subject } from '../fail-over/fail-over-cluster.ts'
import { type Bucket, bucketsOf, type Outage, outageOf } from '../fail-over/series.ts'
import { timedLoad } from '../fail-over/timed-load.ts'
import { type Bench, choose } from '../harness/bench.ts'
import { programNeed } from '../harness/needs.ts'
import { pipelined } from '../harness/pipelined.ts'
import { type Axis, svgOf } from '../harness/plot.ts'
import type { Report } from '../harness/report.ts'
import { figure, type Row } from '../harness/results.ts'
import type { Section } from '../harness/section.ts'
import { etcdVersions } from '../peers/start-etcd.ts'

const PER_SECOND = 200
const WARM_UP = 500
const BUCKET_MS = 100
const GRACE_MS = 10_000
const FAULTS: readonly Fault[] = ['SIGKILL', 'SIGSTOP']
const SYSTEMS = [startAtollTrio, startEtcdTrio]
const RATIOS = ['gap', 'longest', 'p99']

/** Seconds of load before the fault, with the stopped member (until the end when killed), after. */
interface Course {
  readonly before: number
  readonly during: number
  readonly after: number
}

/** One subject in one run. Times are milliseconds since the start of the load. */
interface Run {
  readonly subject: Subject
  readonly struckMs: number
  /** The end of the load when killed. */
  readonly resumedMs: number
  readonly outage: Outage
  readonly buckets: readonly Bucket[]
}

export const failOverSection: Section = {
  name: 'fail-over',
  title: 'Fail-over of three members under open-loop load',
  needs: [programNeed('etcd', 'etcd-server')],
  systems: [],
  run: async (bench, report) => {
    report.note(
      `${PER_SECOND}/s of each operation at once. The gap is the longest time without a completed ` +
        'operation; longest is what one caller waited, for its answer or an error, from when it ' +
        'should have asked; failed operations are not tried again. All from the fault on. kv does not ' +
        'promise the one answer that etcd and reg promise.',
    )
    report.note(etcdVersions())
    for (const fault of FAULTS) await underFault(bench, report, fault)
  },
}

async function underFault(bench: Bench, report: Report, fault: Fault): Promise<void> {
  const course = courseOf(bench, fault)
  const runs = new Map<string, Run[]>()
  for (let round = 0; round < choose(bench, 3, 1); round++) {
    for (const start of SYSTEMS) {
      const cluster = await start(bench)
      try {
        for (const note of cluster.notes) report.note(note)
        for (const run of await strike(cluster, fault, course)) {
          const { what } = run.subject
          runs.set(what, [...(runs.get(what) ?? []), run])
          noteFailures(report, fault, run)
          bench.say(`${fault}: ${what}: no answer for ${Math.round(run.outage.gapMs)} ms`)
        }
      } finally {
        await cluster.stop()
      }
    }
  }
  const all = [...runs.values()]
  for (const work of ['write', 'read'] as const) {
    const some = all.filter(([run]) => run?.subject.work === work)
    reportRows(report, settingOf(fault, work, course), some)
    plot(report, fault, work, some)
  }
}

function noteFailures(report: Report, fault: Fault, { subject, outage }: Run): void {
  if (outage.failure === null) return
  report.note(`${subject.what}, ${fault}: ${outage.failed} failed, first: ${outage.failure}`)
}

function courseOf(bench: Bench, fault: Fault): Course {
  return fault === 'SIGKILL'
    ? { before: choose(bench, 3, 1), during: choose(bench, 12, 3), after: 0 }
    : { before: choose(bench, 3, 1), during: choose(bench, 5, 2.5), after: choose(bench, 5, 1) }
}

async function strike(cluster: FailOverCluster, fault: Fault, course: Course): Promise<Run[]> {
  const operations = cluster.subjects.map(({ operation }) => operation)
  for (const operation of operations) await pipelined(WARM_UP, 16, operation)
  const seconds = course.before + course.during + course.after
  const startMs = performance.now()
  const load = timedLoad(operations, { perSecond: PER_SECOND, seconds, graceMs: GRACE_MS })
  const toMs = seconds * 1000
  await delay(course.before * 1000)
  const struckMs = performance.now() - startMs
  await cluster.strike(fault)
  let resumedMs = toMs
  if (fault === 'SIGSTOP') {
    await delay(course.during * 1000)
    await cluster.resume()
    resumedMs = performance.now() - startMs
  }
  const series = await load
  return cluster.subjects.map((subject, i) => ({
    subject,
    struckMs,
    resumedMs,
    outage: outageOf(series[i] ?? [], struckMs, toMs),
    buckets: bucketsOf(series[i] ?? [], BUCKET_MS, toMs),
  }))
}

function settingOf(fault: Fault, work: string, { during }: Course): string {
  return fault === 'SIGKILL' ? `${work}, kill −9` : `${work}, SIGSTOP for ${during} s`
}

function reportRows(report: Report, setting: string, subjects: readonly (readonly Run[])[]): void {
  const rows = subjects.map((runs) => report.row(rowOf(setting, runs)))
  const isOurs = ({ what }: Row) => what.startsWith('atoll')
  for (const ours of rows.filter(isOurs)) {
    for (const theirs of rows.filter((row) => !isOurs(row))) report.ratios(ours, theirs, RATIOS)
  }
}

function rowOf(setting: string, runs: readonly Run[]): Row {
  const of = (unit: string, value: (outage: Outage) => number) =>
    figure(
      unit,
      'less',
      runs.map(({ outage }) => value(outage)),
    )
  return {
    what: runs[0]?.subject.what ?? '',
    setting,
    figures: {
      gap: of('ms', ({ gapMs }) => gapMs),
      longest: of('ms', ({ longestMs }) => longestMs),
      p99: of('ms', ({ p99Ms }) => p99Ms),
      'over 1 s': of('', ({ overOneSecond }) => overOneSecond),
      failed: of('', ({ failed }) => failed),
    },
  }
}

/** The last round of each, with the fault shaded. */
function plot(report: Report, fault: Fault, work: string, subjects: readonly (readonly Run[])[]) {
  const runs = subjects.flatMap((each) => each.slice(-1))
  const [first] = runs
  if (first === undefined) return
  const label = fault === 'SIGKILL' ? 'killed' : 'stopped'
  const spans = [{ from: first.struckMs / 1000, to: first.resumedMs / 1000, label }]
  const draw = (name: string, y: Axis, of: (bucket: Bucket) => number) => {
    const series = runs.map(({ subject, buckets }) => ({
      name: subject.what,
      points: buckets.map((each) => [each.fromMs / 1000, of(each)] as const),
    }))
    const x = { label: 'seconds', scale: 'linear' } as const
    const title = `${work}, ${PER_SECOND}/s, a member of three is ${label}`
    report.file(`${label}-${work}-${name}.svg`, svgOf({ title, x, y, series, spans }))
  }
  const p99 = { label: `p99 in each ${BUCKET_MS} ms, ms`, scale: 'log' } as const
  const throughput = { label: 'completed per second', scale: 'linear' } as const
  draw('p99', p99, ({ p99Ms }) => p99Ms)
  draw('throughput', throughput, ({ perSecond }) => perSecond)
}
