/**
 * Ten plain js kad-dht nodes beside ten of our daemons: what it costs to keep and to find a value
 * by a search of several hops, and what by one hop to replicas that are known.
 */
import { type Bench, choose } from '../harness/bench.ts'
import { compare, type Plan } from '../harness/compare.ts'
import { pipelined } from '../harness/pipelined.ts'
import type { Report } from '../harness/report.ts'
import type { Offer, RunningSystem, Section } from '../harness/section.ts'
import { KadMesh } from '../kad-dht/kad-mesh.ts'
import { type Daemon, Mesh } from '../ours/daemons.ts'
import type { RpcConnection } from '../ours/rpc-connection.ts'

const NODES = 10

export const kadDhtSection: Section = {
  name: 'kad-dht',
  title: `Values on ${NODES} nodes, one hop beside plain kad-dht`,
  needs: [],
  systems: [],
  run: async (bench, report) => {
    const kad = await KadMesh.start(bench.children, NODES)
    try {
      const mesh = await Mesh.start(bench.children, NODES)
      try {
        await measure(bench, report, mesh, kad)
      } finally {
        await mesh.stop()
      }
    } finally {
      await kad.stop()
    }
  },
}

async function measure(bench: Bench, report: Report, mesh: Mesh, kad: KadMesh): Promise<void> {
  const [first] = mesh.daemons as [Daemon]
  const client = await first.connect()
  const ours = running(oursOf(bench, client), () => mesh.pids)
  const theirs = running(theirsOf(bench, kad.client), () => kad.pids)
  const plan: Plan = {
    loads: choose(bench, [1, 16], [1]).map((inFlight) => ({ kind: 'closed', inFlight })),
    rounds: choose(bench, 3, 1),
    seconds: choose(bench, 5, 1),
  }
  const sizes = { keys: choose(bench, 50, 10), valueBytes: 100 }
  const both = new Map(Object.entries({ atoll: ours, 'kad-dht': theirs }))
  const alone = new Map(Object.entries({ 'kad-dht': theirs }))
  for (const work of ['put', 'get']) {
    await compare({ ...bench, systems: both }, report, work, sizes, plan)
  }
  await compare({ ...bench, systems: alone }, report, 'lookup', sizes, plan)
  client.close()
  report.note(
    'kad-dht keeps records in memory at all ten nodes and overwrites without comparing; ours sync ' +
      'them to the disks of a majority of three before the answer. A lookup is its search for the ' +
      'nodes closest to a key, of which ours need none.',
  )
}

function running(offers: readonly Offer[], pids: () => readonly number[]): RunningSystem {
  return { offers, pids, stop: () => Promise.resolve() }
}

function oursOf(bench: Bench, client: RpcConnection): Offer[] {
  return offersOf(bench, ['put', 'get'], 'atoll kv', true, (method, params) =>
    client.call(`kv.${method}`, params),
  )
}

function theirsOf(bench: Bench, client: RpcConnection): Offer[] {
  const offers = offersOf(bench, ['put', 'get'], 'kad-dht', false, (method, params) =>
    client.call(method, params),
  )
  const lookup: Offer = {
    work: 'lookup',
    what: 'kad-dht closest peers',
    prepare: ({ keys }) => Promise.resolve((i) => client.call('closest', { key: `k${i % keys}` })),
  }
  return [...offers, lookup]
}

function offersOf(
  bench: Bench,
  works: readonly ('put' | 'get')[],
  name: string,
  lead: boolean,
  call: (method: string, params: object) => Promise<unknown>,
): Offer[] {
  return works.map((work) => ({
    work,
    what: `${name} ${work}`,
    lead,
    prepare: async ({ keys, valueBytes }) => {
      const value = bench.random.text(valueBytes)
      const put = (i: number) => call('put', { key: `k${i % keys}`, value })
      if (work === 'put') return put
      await pipelined(keys, 16, put)
      return (i) => call('get', { key: `k${i % keys}` })
    },
  }))
}
