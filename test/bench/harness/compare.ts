/**
 * The same work on several systems, in turn, over several rounds: A B C B C A …, all from this one
 * process. What slows the machine for a while then slows all of them, and a ratio is made within a
 * round.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Bench, choose, OURS } from './bench.ts'
import { closedLoop, type Measured, openLoop } from './load.ts'
import { usageOf } from './process-usage.ts'
import { profiled } from './profile.ts'
import type { Report } from './report.ts'
import { figure, type Row } from './results.ts'
import type { Offer, Operation, RunningSystem, Sizes } from './section.ts'
import { distributionOf, percentile, sorted } from './statistics.ts'

export type Load =
  | { readonly kind: 'closed'; readonly inFlight: number }
  | { readonly kind: 'open'; readonly perSecond: number }

export interface Plan {
  readonly loads: readonly Load[]
  readonly rounds: number
  /** How long each measurement lasts. */
  readonly seconds: number
  /** What the settings have in common, such as a size; before each of them. */
  readonly label?: string
  /** Of ours only those of which ratios are made. */
  readonly leadOnly?: boolean
}

/** Of these the report has ratios. */
export const RATIO_FIGURES = ['throughput', 'p50', 'p99', 'p99.9', 'server CPU', 'RSS'] as const
/** For servers to finish what they do behind the answer, before another one is measured. */
const SETTLE_MS = 30

/** Everything that the systems of the section offer for this work. */
export function offersOf(bench: Bench, work: string): { offer: Offer; system: RunningSystem }[] {
  return [...bench.systems.values()].flatMap((system) =>
    system.offers.filter((offer) => offer.work === work).map((offer) => ({ offer, system })),
  )
}

export function usualPlan(bench: Bench): Plan {
  const widths = choose(bench, [1, 16, 64, 256], [1, 64])
  const rates = choose(bench, [500, 2_000], [1_000])
  return {
    loads: [
      ...widths.map((inFlight) => ({ kind: 'closed', inFlight }) as const),
      ...rates.map((perSecond) => ({ kind: 'open', perSecond }) as const),
    ],
    rounds: choose(bench, 5, 3),
    seconds: choose(bench, 2, 0.25),
  }
}

/** As rows name it; `load-plots.ts` reads it. */
export function settingOf(load: Load, label?: string): string {
  const setting =
    load.kind === 'closed' ? `${load.inFlight} in flight` : `${load.perSecond}/s offered`
  return label === undefined ? setting : `${label}, ${setting}`
}

interface Contender {
  readonly offer: Offer
  readonly system: RunningSystem
  readonly operation: Operation
}

/** Measures the work on all systems that offer it, and reports rows and ratios. Gives the rows. */
export async function compare(
  bench: Bench,
  report: Report,
  work: string,
  sizes: Sizes,
  plan: Plan,
): Promise<Row[]> {
  const contenders: Contender[] = []
  const offers = offersOf(bench, work).filter(
    ({ offer, system }) =>
      plan.leadOnly !== true || offer.lead === true || system !== bench.systems.get(OURS),
  )
  for (const { offer, system } of offers) {
    const operation = await offer.prepare(sizes)
    // The first calls find cold code and cold connections.
    await closedLoop(operation, warmWidth(plan), choose(bench, 1, 0.5))
    contenders.push({ offer, system, operation })
  }
  if (bench.systems.has(OURS) && !contenders.some(({ offer }) => offer.lead)) {
    report.note(`This atolld has nothing for this work (${work}) yet: the others alone.`)
  }
  const rows: Row[] = []
  for (const load of plan.loads)
    rows.push(...(await underLoad(bench, report, contenders, load, plan)))
  return rows
}

/** What cannot be done twice at once is not warmed by many either. */
function warmWidth({ loads }: Plan): number {
  return Math.max(
    1,
    ...loads.map((load) => (load.kind === 'closed' ? Math.min(16, load.inFlight) : 1)),
  )
}

async function underLoad(
  bench: Bench,
  report: Report,
  contenders: readonly Contender[],
  load: Load,
  plan: Plan,
): Promise<Row[]> {
  const setting = settingOf(load, plan.label)
  bench.say(setting)
  const measured = new Map<Contender, Sample[]>(contenders.map((each) => [each, []]))
  for (let round = 0; round < plan.rounds; round++) {
    for (const contender of bench.random.shuffled(contenders)) {
      const last = round === plan.rounds - 1
      const run = () => sample(contender, load, plan.seconds)
      const label = `${contender.offer.what} ${setting}`
      const result = last ? await profiled(bench, contender.system, label, run) : await run()
      measured.get(contender)?.push(result)
      await delay(SETTLE_MS)
    }
  }
  const rows = new Map<Contender, Row>()
  for (const [contender, samples] of measured) {
    rows.set(contender, report.row(rowOf(contender.offer.what, setting, samples)))
    noteFailures(report, contender.offer.what, setting, samples)
  }
  for (const [mine, ours] of rows) {
    if (mine.offer.lead !== true) continue
    for (const [other, theirs] of rows) {
      if (other.system !== mine.system) report.ratios(ours, theirs, RATIO_FIGURES)
    }
  }
  return [...rows.values()]
}

function noteFailures(
  report: Report,
  what: string,
  setting: string,
  samples: readonly Sample[],
): void {
  const first = samples.find(({ failure }) => failure !== null)
  if (first === undefined) return
  const count = samples.reduce((sum, { failed }) => sum + failed, 0)
  report.note(`${what}, ${setting}: ${count} failed, the first with: ${first.failure}`)
}

interface Sample extends Measured {
  readonly serverMicros: number
  readonly clientMicros: number
  readonly rssBytes: number
}

async function sample(contender: Contender, load: Load, seconds: number): Promise<Sample> {
  const { operation, system } = contender
  const server = usageOf(system.pids())
  const client = process.cpuUsage()
  const measured =
    load.kind === 'closed'
      ? await closedLoop(operation, load.inFlight, seconds)
      : await openLoop(operation, load.perSecond, seconds)
  const { user, system: kernel } = process.cpuUsage(client)
  const after = usageOf(system.pids())
  return {
    ...measured,
    serverMicros: after.cpuMicros - server.cpuMicros,
    clientMicros: user + kernel,
    rssBytes: after.rssBytes,
  }
}

function rowOf(what: string, setting: string, samples: readonly Sample[]): Row {
  const ordered = samples.map(({ latenciesMs }) => sorted(latenciesMs))
  const done = samples.map(({ latenciesMs }) => latenciesMs.length)
  const per = (of: (sample: Sample) => number) =>
    samples.map((each, i) => of(each) / Math.max(1, done[i] ?? 0))
  const at = (q: number) =>
    figure(
      'ms',
      'less',
      ordered.map((latencies) => percentile(latencies, q)),
    )
  const throughput = samples.map(({ seconds }, i) => (done[i] ?? 0) / seconds)
  return {
    what,
    setting,
    figures: {
      throughput: figure('/s', 'more', throughput),
      p50: at(0.5),
      p99: at(0.99),
      'p99.9': at(0.999),
      'server CPU': figure(
        'µs/op',
        'less',
        per(({ serverMicros }) => serverMicros),
      ),
      'client CPU': figure(
        'µs/op',
        'less',
        per(({ clientMicros }) => clientMicros),
      ),
      RSS: figure(
        'MB',
        'less',
        samples.map(({ rssBytes }) => rssBytes / 1e6),
      ),
    },
    distribution: distributionOf(ordered.flat(), 'ms'),
  }
}
