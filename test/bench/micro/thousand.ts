/** What a member of a thousand does: membership's tables and messages, and the planner of topologies. */
import type { Claim } from '../../../src/swim/claim.ts'
import { decodePushPull, encodePushPull } from '../../../src/swim/codec.ts'
import { decodeTopology, encodeTopology } from '../../../src/topology/codec.ts'
import { planTopology } from '../../../src/topology/planner.ts'
import { claim, Solo } from '../../swim/solo.ts'
import { genesisOf, inputOf, membersOf, settle } from '../../topology/members.ts'
import { type Bench, choose } from '../harness/bench.ts'
import type { Report } from '../harness/report.ts'
import type { Section } from '../harness/section.ts'
import { timeCalls } from './timing.ts'

const MEMBERS = 1000
const RUMOURS = 10
const PERIOD_MS = 1000
const SWIM = 'membership'
const PLANNER = 'topology, 256 partitions'

export const thousandSection: Section = {
  name: 'thousand',
  title: `A member of ${MEMBERS}: membership and planner`,
  needs: [],
  systems: [],
  run: (bench, report) => {
    membership(bench, report)
    planner(bench, report)
    return Promise.resolve()
  },
}

function membership(bench: Bench, report: Report): void {
  const ids = membersOf(MEMBERS).map(({ id }) => id)
  const solo = new Solo(ids)
  const time = (what: string, calls: number, work: (i: number) => unknown) =>
    timeCalls(
      report,
      what,
      SWIM,
      calls,
      (i) => {
        work(i)
        // What was done is of no interest, and would fill memory.
        solo.effects = []
      },
      'µs',
    )
  const of = (i: number) => ids[i % MEMBERS] ?? ''
  const rumours = (i: number, incarnation: number): Claim[] =>
    Array.from({ length: RUMOURS }, (_, k) => claim(of(i * RUMOURS + k), 'alive', incarnation))
  const calls = choose(bench, 5_000, 1_000)
  time(`${RUMOURS} rumours known already`, calls, (i) => solo.gossip(of(i), ...rumours(i, 1)))
  time(`${RUMOURS} rumours that are news`, calls, (i) => solo.gossip(of(i), ...rumours(i, 2 + i)))
  time('a period: its probe and gossip, answered', choose(bench, 200, 50), () =>
    solo.run(PERIOD_MS, solo.answering()),
  )
  const exchange = { claims: ids.map((id, i) => claim(id, 'alive', i + 1)), records: [] }
  const bytes = encodePushPull(exchange, 1)
  time('encode a state exchange', choose(bench, 500, 100), () => encodePushPull(exchange, 1))
  time('decode a state exchange', choose(bench, 500, 100), () => decodePushPull(bytes))
  report.note(`A state exchange of ${MEMBERS} members has ${bytes.length} bytes.`)
}

function planner(bench: Bench, report: Report): void {
  const members = membersOf(MEMBERS)
  const genesis = genesisOf(members)
  const settled = settle(planTopology, genesis, members).topology
  const survivors = members.slice(1)
  const calls = choose(bench, 10, 3)
  const time = (what: string, work: () => unknown) =>
    timeCalls(report, what, PLANNER, calls, work, 'µs')
  time('plan from the first member to all', () => planTopology(inputOf(genesis, members)))
  time('plan with nothing to change', () => planTopology(inputOf(settled, members)))
  const lost = new Set(members.slice(0, 1).map(({ storageId }) => storageId))
  time('plan without one that is lost', () => planTopology(inputOf(settled, survivors, { lost })))
  const bytes = encodeTopology(settled)
  time('encode a topology', () => encodeTopology(settled))
  time('decode a topology', () => decodeTopology(bytes))
  report.note(`A topology of ${MEMBERS} members has ${bytes.length} bytes.`)
}
