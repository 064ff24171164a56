/**
 * The main job on real input: Debian's package index (`apt-cache dumpavail`) imported through one
 * of five daemons by `atoll kv import`, read through a third while two others are killed with −9
 * in turn, then all five killed at once and started again. Every value is compared.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { type Bench, choose } from '../harness/bench.ts'
import { programNeed } from '../harness/needs.ts'
import { pipelined } from '../harness/pipelined.ts'
import type { Report } from '../harness/report.ts'
import { figure } from '../harness/results.ts'
import type { Section } from '../harness/section.ts'
import { ATOLL, type Daemon, Mesh } from '../ours/daemons.ts'

const MEMBERS = 5
const OUTPUT_BYTES_MAX = 1 << 30
const QUICK_RECORDS = 2_000

export const packageIndexSection: Section = {
  name: 'import',
  title: "Debian's package index: import, reads under kills, restart of all",
  needs: [programNeed('apt-cache', 'apt')],
  systems: [],
  run,
}

interface Read {
  readonly value: unknown
  readonly siblings: readonly unknown[]
}

async function run(bench: Bench, report: Report): Promise<void> {
  const options = { encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX } as const
  const all = recordsOf(execFileSync('apt-cache', ['dumpavail'], options))
  const records = new Map([...all].slice(0, choose(bench, all.size, QUICK_RECORDS)))
  const mesh = await Mesh.start(bench.children, MEMBERS)
  const [first, second, third, fourth] = mesh.daemons as [Daemon, Daemon, Daemon, Daemon]
  try {
    await importThrough(report, mesh, first, records)
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

async function importThrough(
  report: Report,
  mesh: Mesh,
  daemon: Daemon,
  records: ReadonlyMap<string, string>,
): Promise<void> {
  const file = join(mesh.root, 'index.jsonl')
  const lines = [...records].map(([key, value]) => JSON.stringify({ key, value }))
  const text = `${lines.join('\n')}\n`
  writeFileSync(file, text)
  const before = mesh.usage()
  const started = performance.now()
  const args = [ATOLL, '--socket', daemon.socket, 'kv', 'import', file]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const [status] = (await once(child, 'exit')) as [number | null]
  if (status !== 0) throw new Error(`atoll kv import ended with ${status}`)
  const seconds = (performance.now() - started) / 1000
  const after = mesh.usage()
  report.row({
    what: 'atoll kv import',
    setting: `${records.size} records`,
    figures: {
      throughput: figure('/s', 'more', [records.size / seconds]),
      data: figure('MB', 'more', [Buffer.byteLength(text) / 1e6]),
      'server CPU': figure('µs/op', 'less', [(after.cpuMicros - before.cpuMicros) / records.size]),
      RSS: figure('MB', 'less', [after.rssBytes / 1e6]),
    },
  })
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
    if (text !== records.get(key) || found?.siblings.length !== 0) wrong.push(key)
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
