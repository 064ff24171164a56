/** The table of METRICS.md holds what a whole node declares, and no more; and it counts. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as v from 'valibot'
import { Metrics, type MetricFamily } from '../../src/base/metrics.ts'
import { prometheusText } from '../../src/base/prometheus-text.ts'
import { declareProcessMetrics } from '../../src/daemon/process-metrics.ts'
import type { NodeApi } from '../../src/node/api.ts'
import { methodTable } from '../../src/rpc/methods.ts'
import { METHODS } from '../../src/rpc/methods.ts'
import { declareRpcMetrics } from '../../src/rpc/metrics.ts'
import { RpcServer } from '../../src/rpc/server.ts'
import { FakeNode } from '../rpc/fake-node.ts'
import { type AtollProgramNode, atollProgram } from '../sim/atoll-program.ts'
import { Cluster } from '../sim/cluster.ts'
import { SimDisk } from '../sim/sim-storage.ts'
import { World } from '../sim/world.ts'

const DOCS = join(import.meta.dirname, '../../src/node/METRICS.md')
const KEYS = 20

function rowOf({ name, type, labels, help }: MetricFamily): string {
  const shown = labels.map((label) => `\`${label}\``).join(' ')
  return `| \`${name}\` | ${type} | ${shown} | ${help} |`
}

/** What the daemon adds to its node. */
function daemonMetrics(): MetricFamily[] {
  const metrics = new Metrics()
  const methods = methodTable()
  const log = { write: () => undefined, allows: () => false }
  declareProcessMetrics(metrics)
  declareRpcMetrics(metrics, new RpcServer<NodeApi>({ methods, target: new FakeNode(), log }))
  return metrics.collect()
}

function valueOf(
  families: readonly MetricFamily[],
  name: string,
  labels: Readonly<Record<string, string>> = {},
): number {
  const family = families.find((each) => each.name === name)
  assert.ok(family !== undefined, `there is no ${name}`)
  const sample = family.samples.find((each) =>
    Object.entries(labels).every(([label, text]) => each.labels[label] === text),
  )
  if (sample === undefined) return Number.NaN
  return 'value' in sample ? sample.value : sample.count
}

/** Three nodes, some work, a crash, and what one that lives says of it. */
async function storyOf(): Promise<readonly (readonly MetricFamily[])[]> {
  const told: (readonly MetricFamily[])[] = []
  const world = new World<AtollProgramNode>({
    seed: 'metrics',
    hosts: 3,
    program: atollProgram({ partitions: 16 }),
    disk: (_name, chance) => new SimDisk(chance),
  })
  const cluster = new Cluster(world)
  const ask = async (index: number): Promise<readonly MetricFamily[]> => {
    const families = await world.call(index, (node) => (node as AtollProgramNode).metrics())
    told.push(families)
    return families
  }
  await world.run(async () => {
    await cluster.form(3)
    for (let i = 0; i < KEYS; i++) {
      await world.call(0, (node) => (node as AtollProgramNode).kv.put(`k${i}`, 'value'))
    }
    await world.call(0, (node) => (node as AtollProgramNode).kv.del('k0'))
    await world.call(0, (node) => (node as AtollProgramNode).kv.get('k1'))
    const all = { read: 'all', deadlineMs: 500 } as const
    await cluster.converged(
      Array.from({ length: KEYS }, (_, i) => `k${i}`),
      60_000,
    )
    await ask(0)
    world.crash(2)
    await world.until('the crash is known', 60_000, async () => {
      const { members } = await world.call(0, (node) => (node as AtollProgramNode).status())
      return members.dead === 1
    })
    await world.call(0, (node) =>
      assert.rejects((node as AtollProgramNode).kv.get('k1', all), { code: 'NO_QUORUM' }),
    )
    await ask(0)
    // What an earlier run left is counted anew.
    await world.stop(0)
    await world.start(0)
    await world.sleep(5000)
    await ask(0)
  })
  return told
}

describe('metrics of a node', () => {
  let told: readonly (readonly MetricFamily[])[] = []
  before(async function () {
    this.timeout(60_000)
    told = await storyOf()
  })

  it('are those of METRICS.md, name by name', () => {
    const declared = [...(told[0] ?? []), ...daemonMetrics()].map(rowOf)
    const documented = readFileSync(DOCS, 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('| `'))
    assert.deepEqual(documented.sort(), declared.sort())
  })

  it('pass the schema of the method, and have samples with the declared labels alone', () => {
    for (const families of [...told, daemonMetrics()]) {
      v.parse(METHODS.metrics.result, families)
      for (const { name, labels, samples } of families) {
        for (const sample of samples) assert.deepEqual(Object.keys(sample.labels), labels, name)
      }
    }
  })

  it('tell of the work that was done', () => {
    const [calm = []] = told
    assert.equal(valueOf(calm, 'atoll_swim_members', { state: 'alive' }), 3)
    assert.equal(valueOf(calm, 'atoll_topology_members'), 3)
    assert.equal(valueOf(calm, 'atoll_topology_held_partitions'), 16)
    assert.equal(valueOf(calm, 'atoll_topology_failures_tolerated'), 1)
    const ok = (operation: string): number =>
      valueOf(calm, 'atoll_store_operations_total', { operation, outcome: 'ok' })
    assert.deepEqual([ok('put'), ok('del'), ok('get')], [KEYS, 1, 1])
    assert.equal(valueOf(calm, 'atoll_store_operation_seconds', { operation: 'put' }), KEYS)
    assert.equal(valueOf(calm, 'atoll_store_records'), KEYS)
    assert.equal(valueOf(calm, 'atoll_store_tombstones'), 1)
    assert.ok(valueOf(calm, 'atoll_disk_sync_seconds') >= KEYS)
    assert.ok(valueOf(calm, 'atoll_swim_probes_total') > 0)
    assert.ok(valueOf(calm, 'atoll_swim_ack_seconds') > 0)
    assert.ok(valueOf(calm, 'atoll_mesh_links', { class: 'request' }) >= 2)
    assert.ok(valueOf(calm, 'atoll_mesh_received_bytes_total', { class: 'request' }) > 0)
    assert.ok(valueOf(calm, 'atoll_mesh_served_total', { kind: 'push_pull' }) > 0)
    assert.equal(valueOf(calm, 'atoll_mesh_calls_in_flight', { class: 'request' }), 0)
  })

  it('tell of a crash', () => {
    const [, crashed = []] = told
    assert.equal(valueOf(crashed, 'atoll_swim_members', { state: 'dead' }), 1)
    assert.equal(valueOf(crashed, 'atoll_swim_deaths_total'), 1)
    assert.ok(valueOf(crashed, 'atoll_swim_suspicions_total') >= 1)
    assert.equal(valueOf(crashed, 'atoll_topology_failures_tolerated'), 0)
    const failed = { operation: 'get', outcome: 'failed' }
    assert.equal(valueOf(crashed, 'atoll_store_operations_total', failed), 1)
    const ended = crashed.find(({ name }) => name === 'atoll_mesh_links_ended_total')
    assert.ok(ended?.samples.some((sample) => 'value' in sample && sample.value > 0))
  })

  it('find again what an earlier run left', () => {
    const [calm = [], , again = []] = told
    for (const name of ['records', 'tombstones', 'record_bytes']) {
      const metric = `atoll_store_${name}`
      assert.equal(valueOf(again, metric), valueOf(calm, metric), metric)
    }
    assert.equal(valueOf(again, 'atoll_store_operations_total', { operation: 'put' }), 0)
  })

  it('are text that Prometheus reads', () => {
    const text = prometheusText(told[0] ?? [])
    const line = /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[^}]*\})? -?[\d.e+-]+)$/
    for (const each of text.trimEnd().split('\n')) assert.match(each, line)
  })
})
