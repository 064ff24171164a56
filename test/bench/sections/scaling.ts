/** The same work through one client on meshes of growing size: throughput, and CPU of all daemons. */
import { type Bench, choose } from '../harness/bench.ts'
import { compare, type Plan } from '../harness/compare.ts'
import { pipelined } from '../harness/pipelined.ts'
import { svgOf } from '../harness/plot.ts'
import type { Report } from '../harness/report.ts'
import type { Row } from '../harness/results.ts'
import type { Offer, Section } from '../harness/section.ts'
import { type Daemon, Mesh } from '../ours/daemons.ts'
import { INSPECT_FLAGS, InspectorProfiler } from '../ours/inspector.ts'
import type { RpcConnection } from '../ours/rpc-connection.ts'

const SIZES = { keys: 1000, valueBytes: 100 }
const WORKS = ['put', 'get'] as const
const FIGURES = ['throughput', 'p50', 'server CPU']

type Work = (typeof WORKS)[number]

export const scalingSection: Section = {
  name: 'scaling',
  title: 'Fixed work through one client on more and more daemons',
  needs: [],
  systems: [],
  run: async (bench, report) => {
    const sizes = choose(bench, [3, 5, 9, 15], [3, 9])
    /** By work and setting, in the order of sizes. */
    const lines = new Map<string, Row[]>()
    for (const size of sizes) {
      const mesh = await Mesh.start(bench.children, size, bench.profiling ? INSPECT_FLAGS : [])
      try {
        for (const work of WORKS) {
          for (const row of await measure(bench, report, mesh, work)) {
            const name = `kv ${work}, ${row.setting}`
            lines.set(name, [...(lines.get(name) ?? []), row])
          }
        }
      } finally {
        await mesh.stop()
      }
    }
    for (const [least, ...more] of lines.values()) {
      for (const row of more) if (least !== undefined) report.ratios(row, least, FIGURES)
    }
    draw(report, sizes, lines)
    report.note(
      'One size after the other, not interleaved. Three replicas of each key whatever the size: ' +
        'beyond three daemons the client’s own is often none of them and passes the call on.',
    )
  },
}

async function measure(bench: Bench, report: Report, mesh: Mesh, work: Work): Promise<Row[]> {
  const [first] = mesh.daemons as [Daemon]
  const client = await first.connect()
  const what = `kv ${work}, ${mesh.daemons.length} daemons`
  const offers = [offerOf(bench, client, work, what)]
  const profilers = bench.profiling
    ? await Promise.all(mesh.daemons.map((daemon) => InspectorProfiler.attach(daemon)))
    : []
  const system = { offers, profilers, pids: () => mesh.pids, stop: () => Promise.resolve() }
  const plan: Plan = {
    loads: choose(bench, [64, 256], [64]).map((inFlight) => ({ kind: 'closed', inFlight })),
    rounds: choose(bench, 5, 2),
    seconds: choose(bench, 3, 0.5),
  }
  const systems = new Map([['atoll', system]])
  const rows = await compare({ ...bench, systems }, report, work, SIZES, plan)
  for (const profiler of profilers) profiler.close()
  client.close()
  return rows
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
      await pipelined(keys, 64, put)
      return (i) => client.call('kv.get', { key: `bench/${i % keys}` })
    },
  }
}

function draw(report: Report, sizes: readonly number[], lines: ReadonlyMap<string, Row[]>): void {
  const figures = { throughput: 'operations per second', 'server CPU': 'µs of CPU per operation' }
  for (const [figure, label] of Object.entries(figures)) {
    const series = [...lines].map(([name, rows]) => ({
      name,
      points: rows.map((row, i) => [sizes[i] ?? 0, row.figures[figure]?.median ?? 0] as const),
    }))
    const svg = svgOf({
      title: 'Fixed work through one client',
      x: { label: 'daemons', scale: 'linear' },
      y: { label, scale: 'linear' },
      series,
    })
    report.file(`${figure.replace(' ', '-').toLowerCase()}.svg`, svg)
  }
}
