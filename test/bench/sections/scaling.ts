/** The same work through one client on meshes of growing size: throughput, and CPU of all daemons. */
import { type Bench, choose } from '../harness/bench.ts'
import { compare, type Plan } from '../harness/compare.ts'
import { pipelined } from '../harness/pipelined.ts'
import { svgOf } from '../harness/plot.ts'
import type { Report } from '../harness/report.ts'
import type { Row } from '../harness/results.ts'
import type { Offer, Section } from '../harness/section.ts'
import { type Daemon, Mesh } from '../ours/daemons.ts'
import type { RpcConnection } from '../ours/rpc-connection.ts'

const IN_FLIGHT = 64
const SIZES = { keys: 1000, valueBytes: 100 }
const WORKS = ['put', 'get'] as const
const FIGURES = ['throughput', 'p50', 'server CPU']

type Work = (typeof WORKS)[number]

export const scalingSection: Section = {
  name: 'scaling',
  title: `Fixed work on more and more daemons, ${IN_FLIGHT} in flight`,
  needs: [],
  systems: [],
  run: async (bench, report) => {
    const sizes = choose(bench, [3, 5, 9, 15], [3, 9])
    const rows = new Map<Work, Row[]>(WORKS.map((work) => [work, []]))
    for (const size of sizes) {
      const mesh = await Mesh.start(bench.children, size)
      try {
        for (const [work, of] of rows) of.push(await measure(bench, report, mesh, work))
      } finally {
        await mesh.stop()
      }
    }
    for (const of of rows.values()) {
      const [least, ...more] = of
      for (const row of more) if (least !== undefined) report.ratios(row, least, FIGURES)
    }
    draw(report, sizes, rows)
    report.note(
      'One size after the other, not interleaved. Three replicas of each key whatever the size: ' +
        'beyond three daemons the client’s own is often none of them and passes the call on.',
    )
  },
}

async function measure(bench: Bench, report: Report, mesh: Mesh, work: Work): Promise<Row> {
  const [first] = mesh.daemons as [Daemon]
  const client = await first.connect()
  const what = `kv ${work}, ${mesh.daemons.length} daemons`
  const offers = [offerOf(bench, client, work, what)]
  const system = { offers, pids: () => mesh.pids, stop: () => Promise.resolve() }
  const plan: Plan = {
    loads: [{ kind: 'closed', inFlight: IN_FLIGHT }],
    rounds: choose(bench, 5, 2),
    seconds: choose(bench, 3, 0.7),
  }
  const systems = new Map([['atoll', system]])
  const [row] = await compare({ ...bench, systems }, report, work, SIZES, plan)
  client.close()
  return row as Row
}

function offerOf(bench: Bench, client: RpcConnection, work: Work, what: string): Offer {
  return {
    work,
    what,
    lead: true,
    prepare: async ({ keys, valueBytes }) => {
      const value = bench.random.text(valueBytes)
      const put = (i: number) => client.call('kv.put', { key: `bench/${i % keys}`, value })
      if (work === 'put') return put
      await pipelined(keys, IN_FLIGHT, put)
      return (i) => client.call('kv.get', { key: `bench/${i % keys}` })
    },
  }
}

function draw(report: Report, sizes: readonly number[], rows: ReadonlyMap<Work, Row[]>): void {
  const figures = { throughput: 'operations per second', 'server CPU': 'µs of CPU per operation' }
  for (const [name, label] of Object.entries(figures)) {
    const series = [...rows].map(([work, of]) => ({
      name: `kv ${work}`,
      points: of.map((row, i) => [sizes[i] ?? 0, row.figures[name]?.median ?? 0] as const),
    }))
    const svg = svgOf({
      title: `${IN_FLIGHT} in flight through one client`,
      x: { label: 'daemons', scale: 'linear' },
      y: { label, scale: 'linear' },
      series,
    })
    report.file(`${name.replace(' ', '-').toLowerCase()}.svg`, svg)
  }
}
