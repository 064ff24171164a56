/**
 * The main job on real input: Debian's package index (`apt-cache dumpavail`) imported through one
 * of five daemons by `atoll kv import`, read through a third while two others are killed with −9
 * in turn, then all five killed at once and started again. Every value is compared.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Bench, choose } from '../harness/bench.ts'
import { programNeed } from '../harness/needs.ts'
import { pipelined } from '../harness/pipelined.ts'
import type { Report } from '../harness/report.ts'
import { missingText } from '../harness/run.ts'
import { figure, type Row } from '../harness/results.ts'
import type { Section } from '../harness/section.ts'
import { exportThrough, importThrough } from '../ours/bulk.ts'
import { type Daemon, Mesh } from '../ours/daemons.ts'
import { importIntoEtcd } from '../peers/etcd-import.ts'
import { etcdVersions } from '../peers/start-etcd.ts'

const MEMBERS = 5
const OUTPUT_BYTES_MAX = 1 << 30
const QUICK_RECORDS = 2_000
const ETCD = programNeed('etcd', 'etcd-server')

export const packageIndexSection: Section = {
  name: 'import',
  title: "Debian's package index: import, reads under kills, restart of all",
  needs: [programNeed('apt-cache', 'apt')],
  systems: [],
  run,
}

interface Read {
  readonly value: unknown
  readonly others: readonly unknown[]
}

async function run(bench: Bench, report: Report): Promise<void> {
  const options = { encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX } as const
  const all = recordsOf(execFileSync('apt-cache', ['dumpavail'], options))
  const records = new Map([...all].slice(0, choose(bench, all.size, QUICK_RECORDS)))
  await beside(bench, report, records)
  const mesh = await Mesh.start(bench.children, MEMBERS)
  const [first, second, third, fourth] = mesh.daemons as [Daemon, Daemon, Daemon, Daemon]
  try {
    report.row(await importThrough(mesh, first, written(mesh, records), records.size))
    await exported(report, mesh, second, records)
    await readAll(report, third, records, 'before any fault')
    if (bench.quick) return
    let done = false
    const faults = killInTurn(bench, mesh, [second, fourth]).finally(() => {
      done = true
    })
    while (!done) await readAll(report, third, records, 'while others are killed −9')
    await faults
    await Promise.all(mesh.daemons.map((daemon) => daemon.signal('SIGKILL')))
    bench.say('all five killed −9')
    for (const daemon of mesh.daemons) daemon.start([])
    await mesh.settled(MEMBERS)
    await readAll(report, first, records, 'after the restart of all')
  } finally {
    await mesh.stop()
  }
}

/** Three of ours and three of etcd's, one after the other. */
async function beside(
  bench: Bench,
  report: Report,
  records: ReadonlyMap<string, string>,
): Promise<void> {
  const mesh = await Mesh.start(bench.children, 3)
  const [first] = mesh.daemons as [Daemon]
  let ours: Row
  try {
    ours = await importThrough(mesh, first, written(mesh, records), records.size)
  } finally {
    await mesh.stop()
  }
  report.row(ours)
  if (missingText([ETCD]) !== '') return
  const theirs = report.row(await importIntoEtcd(bench, records))
  report.ratios(ours, theirs, ['time', 'server CPU'])
  report.note('Ours puts each record by itself; theirs takes a hundred of them in a transaction.')
  report.note(etcdVersions())
}

function written(mesh: Mesh, records: ReadonlyMap<string, string>): string {
  const file = join(mesh.root, 'index.jsonl')
  const lines = [...records].map(([key, value]) => `${JSON.stringify({ key, value })}\n`)
  writeFileSync(file, lines.join(''))
  return file
}

/** What comes out must be what went in. */
async function exported(
  report: Report,
  mesh: Mesh,
  daemon: Daemon,
  records: ReadonlyMap<string, string>,
): Promise<void> {
  const file = join(mesh.root, 'export.jsonl')
  report.row(await exportThrough(mesh, daemon, file, records.size))
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  const found = lines.map((line) => JSON.parse(line) as { key: string; value: string })
  const same = found.filter(({ key, value }) => records.get(key) === value).length
  if (same !== records.size || found.length !== records.size) {
    throw new Error(`exported ${found.length} records, ${same} as they were, of ${records.size}`)
  }
}

/** Package name → its record as JSON text; the last of several versions of a name counts. */
function recordsOf(text: string): Map<string, string> {
  const records = new Map<string, string>()
  for (const stanza of text.split('\n\n')) {
    const fields: Record<string, string> = Object.create(null)
    let field = ''
    for (const line of stanza.split('\n')) {
      const colon = line.indexOf(':')
      if (line.startsWith(' ')) fields[field] += `\n${line.slice(1)}`
      else if (colon > 0) {
        field = line.slice(0, colon)
        fields[field] = line.slice(colon + 1).trim()
      }
    }
    const name = fields['Package']
    if (name !== undefined) records.set(name, JSON.stringify(fields))
  }
  return records
}

/** Kills each −9, waits until it is back and settled, then the next. */
async function killInTurn(bench: Bench, mesh: Mesh, victims: readonly Daemon[]): Promise<void> {
  for (const victim of victims) {
    await delay(2_000)
    await victim.signal('SIGKILL')
    bench.say(`${victim.name} killed −9`)
    await delay(8_000)
    victim.start([])
    await mesh.settled(MEMBERS)
    bench.say(`${victim.name} is back`)
  }
}

async function readAll(
  report: Report,
  daemon: Daemon,
  records: ReadonlyMap<string, string>,
  when: string,
): Promise<void> {
  const client = await daemon.connect()
  const keys = [...records.keys()]
  let retried = 0
  const wrong: string[] = []
  const read = (key: string) => client.call<Read | null>('kv.get', { key })
  const started = performance.now()
  await pipelined(keys.length, 64, async (i) => {
    const key = keys[i] as string
    const found = await read(key).catch(() => {
      retried++
      return read(key)
    })
    const value = found?.value
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    if (text !== records.get(key) || found?.others.length !== 0) wrong.push(key)
  })
  const seconds = (performance.now() - started) / 1000
  client.close()
  report.row({
    what: `kv get of all, ${when}`,
    setting: '64 in flight',
    figures: {
      throughput: figure('/s', 'more', [keys.length / seconds]),
      retried: figure('', 'less', [retried]),
      wrong: figure('', 'less', [wrong.length]),
    },
  })
  if (wrong.length > 0) throw new Error(`wrong values, such as ${wrong.slice(0, 5).join(', ')}`)
}
