/** The harness from one end to the other, on one real daemon and in a second or two. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compare } from './harness/compare.ts'
import { Children } from './harness/children.ts'
import { environmentOf } from './harness/environment.ts'
import { plotLoads } from './harness/load-plots.ts'
import type { Results } from './harness/results.ts'
import { runSections } from './harness/run.ts'
import type { RunningSystem, Section, System } from './harness/section.ts'
import { type Daemon, Mesh } from './ours/daemons.ts'
import { INSPECT_FLAGS, InspectorProfiler } from './ours/inspector.ts'

const nothing: System = {
  name: 'nothing',
  title: 'what answers at once',
  needs: [],
  clients: [],
  version: () => '1',
  start: () =>
    Promise.resolve({
      offers: [
        { work: 'write', what: 'nothing', prepare: () => Promise.resolve(() => Promise.resolve()) },
      ],
      pids: () => [],
      stop: () => Promise.resolve(),
    }),
}

const absent: System = {
  ...nothing,
  name: 'absent',
  title: 'a peer that is not installed',
  needs: [{ name: 'absentd', debian: 'absentd', present: () => false }],
}

const broke: System = {
  ...nothing,
  name: 'broke',
  title: 'a peer without a port',
  start: () => Promise.reject(new Error('port taken')),
}

describe('the benchmark', () => {
  const children = new Children()
  const outDir = children.directory('smoke')
  const printed: string[] = []
  const pids: number[] = []
  let results: Results

  const one: System = {
    ...nothing,
    name: 'one',
    start: async (bench): Promise<RunningSystem> => {
      const mesh = await Mesh.start(bench.children, 1, INSPECT_FLAGS)
      const [daemon] = mesh.daemons as [Daemon]
      const client = await daemon.connect()
      const profiler = await InspectorProfiler.attach(daemon)
      pids.push(...mesh.pids)
      const put = (i: number) => client.call('kv.put', { key: `k${i}`, value: 'v' })
      return {
        offers: [
          { work: 'write', what: 'kv put', lead: true, prepare: () => Promise.resolve(put) },
        ],
        profilers: [profiler],
        pids: () => mesh.pids,
        stop: async () => {
          profiler.close()
          client.close()
          await mesh.stop()
        },
      }
    },
  }

  const tiny: Section = {
    name: 'tiny',
    title: 'Writes to one daemon',
    needs: [],
    systems: ['one', 'nothing', 'absent', 'broke'],
    run: async (bench, report) => {
      const plan = {
        loads: [
          { kind: 'closed', inFlight: 4 },
          { kind: 'open', perSecond: 200 },
        ],
        rounds: 2,
        seconds: 0.1,
      } as const
      const sizes = { keys: 10, valueBytes: 10 }
      plotLoads(report, 'tiny', await compare(bench, report, 'write', sizes, plan))
    },
  }
  const broken: Section = { ...tiny, name: 'broken', systems: [], run: () => Promise.reject('no') }
  const unable: Section = { ...broken, name: 'unable', needs: absent.needs }

  before(async function () {
    this.timeout(60_000)
    results = await runSections({
      sections: [tiny, broken, unable],
      systems: [one, nothing, absent, broke],
      environment: environmentOf(1, true, {}),
      outDir,
      profile: true,
      children,
      print: (text) => printed.push(text),
      say: () => undefined,
    })
  })
  after(() => children.remove(outDir))

  it('measures, and makes ratios', () => {
    const [section] = results.sections
    assert.equal(section?.failure, null)
    assert.equal(section?.rows.length, 4)
    const row = section?.rows.find(({ what }) => what === 'kv put')
    assert.ok((row?.figures['throughput']?.median ?? 0) > 10)
    assert.ok((row?.figures['p50']?.median ?? 0) > 0)
    assert.ok((row?.figures['RSS']?.median ?? 0) > 10)
    assert.ok(section?.ratios.some(({ figure }) => figure === 'throughput'))
  })

  it('writes down all of it', () => {
    const read: unknown = JSON.parse(readFileSync(join(outDir, 'results.json'), 'utf8'))
    assert.deepEqual(read, JSON.parse(JSON.stringify(results)))
    assert.deepEqual(results.sections[0]?.files, ['tiny-throughput.svg', 'tiny-p99.svg'])
    for (const file of results.sections[0]?.files ?? []) assert.ok(existsSync(join(outDir, file)))
    assert.match(results.environment.commit, /^[0-9a-f]{40}$|^unknown$/)
  })

  it('makes a table for documents', () => {
    const text = readFileSync(join(outDir, 'ratios.md'), 'utf8')
    assert.match(text, /\| 4 in flight \| kv put ÷ nothing \| [\d.]+× \|/)
  })

  it('profiles the daemon under each load', () => {
    for (const setting of ['4-in-flight', '200-s-offered']) {
      const file = join(outDir, 'profiles', `kv-put-${setting}-n1.cpuprofile`)
      const { nodes } = JSON.parse(readFileSync(file, 'utf8')) as { nodes: unknown[] }
      assert.ok(nodes.length > 1)
    }
  })

  it('says what is missing and what to type, and goes on', () => {
    assert.match(printed.join('\n'), /absentd\. On Debian: apt-get install etcd-server serf/)
    assert.match(results.sections[2]?.failure ?? '', /left out: absentd/)
    assert.match(printed.join('\n'), /without a port did not start, left out: Error: port taken/)
  })

  it("keeps the others' results when a section fails", () => {
    assert.match(results.sections[1]?.failure ?? '', /failed: no/)
  })

  it('leaves no process behind', () => {
    assert.equal(pids.length, 1)
    for (const pid of pids) assert.throws(() => process.kill(pid, 0))
  })
})
