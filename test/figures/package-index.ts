/**
 * The main job on real input: Debian's package index (`apt-cache dumpavail`) imported through one
 * of five daemons, read through a third while two others are killed with −9 in turn, then all
 * five killed at once and started again. Every value is compared.
 *
 *   apt-cache dumpavail > available.txt && node test/figures/package-index.ts available.txt
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ATOLL, type Daemon, Mesh } from './daemons.ts'
import { pipelined } from './rpc-connection.ts'

const [, , input] = process.argv
if (input === undefined) throw new Error('usage: package-index.ts FILE')

interface Read {
  readonly value: unknown
  readonly siblings: readonly unknown[]
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

async function main(file: string): Promise<void> {
  const records = recordsOf(readFileSync(file, 'utf8'))
  const mesh = await Mesh.start(5)
  const [first, second, third, fourth] = mesh.daemons as [Daemon, Daemon, Daemon, Daemon]
  try {
    importThrough(first, records, mesh.root)
    memory(mesh)
    await readAll(third, records, 'before any fault')
    const faults = killInTurn(mesh, [second, fourth])
    let done = false
    const ended = faults.finally(() => {
      done = true
    })
    let rounds = 0
    while (!done || rounds === 0) await readAll(third, records, `round ${++rounds} under kills`)
    await ended
    await Promise.all(mesh.daemons.map((daemon) => daemon.signal('SIGKILL')))
    console.log('all five killed with −9')
    for (const daemon of mesh.daemons) daemon.start([])
    await mesh.settled(5)
    await readAll(first, records, 'after the restart of all')
    memory(mesh)
  } finally {
    await mesh.stop()
  }
}

function importThrough(daemon: Daemon, records: Map<string, string>, dir: string): void {
  const file = join(dir, 'index.jsonl')
  const lines = [...records].map(([key, value]) => JSON.stringify({ key, value }))
  writeFileSync(file, `${lines.join('\n')}\n`)
  const bytes = readFileSync(file).length
  const started = performance.now()
  execFileSync(process.execPath, [ATOLL, '--socket', daemon.socket, 'kv', 'import', file], {
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  const seconds = (performance.now() - started) / 1000
  console.log(
    `import: ${records.size} records, ${(bytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(1)} s: ` +
      `${Math.round(records.size / seconds)}/s`,
  )
}

/** Kills each −9, waits until it is back and settled, then the next. */
async function killInTurn(mesh: Mesh, victims: readonly Daemon[]): Promise<void> {
  for (const victim of victims) {
    await delay(2_000)
    await victim.signal('SIGKILL')
    console.log(`${victim.name} killed with −9`)
    await delay(8_000)
    victim.start([])
    await mesh.settled(5)
    console.log(`${victim.name} is back`)
  }
}

async function readAll(daemon: Daemon, records: Map<string, string>, when: string): Promise<void> {
  const client = await daemon.connect()
  const keys = [...records.keys()]
  let retried = 0
  const wrong: string[] = []
  const read = (key: string) => client.call<Read | null>('kv.get', { key })
  const started = performance.now()
  await pipelined(keys.length, 64, async (i) => {
    const key = keys[i] as string
    const once = await read(key).catch(() => {
      retried++
      return read(key)
    })
    const value = once?.value
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    if (text !== records.get(key) || once?.siblings.length !== 0) wrong.push(key)
  })
  const seconds = (performance.now() - started) / 1000
  client.close()
  console.log(
    `read ${when}: ${keys.length} keys, ${Math.round(keys.length / seconds)}/s, ` +
      `${retried} retried, ${wrong.length} wrong`,
  )
  if (wrong.length > 0) throw new Error(`wrong values, such as ${wrong.slice(0, 5).join(', ')}`)
}

function memory(mesh: Mesh): void {
  const each = mesh.daemons.map((daemon) => `${daemon.name} ${daemon.rssMb().toFixed(0)}`)
  console.log(`RSS in MB: ${each.join(', ')}`)
}

await main(input)
