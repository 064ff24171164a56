/** `atoll kv import` and `kv export` through one daemon, timed; the command is part of what is timed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { figure, type Row } from '../harness/results.ts'
import { ATOLL, type Daemon, type Mesh } from './daemons.ts'

/** What is used of `metrics`. */
interface Family {
  readonly name: string
  readonly samples: readonly { readonly value: number }[]
}

export async function importThrough(
  mesh: Mesh,
  daemon: Daemon,
  file: string,
  records: number,
): Promise<Row> {
  const { seconds, cpuMicros } = await timed(mesh, daemon, ['kv', 'import', file])
  return {
    what: `atoll kv import, ${mesh.daemons.length} daemons`,
    setting: `${records} records`,
    figures: {
      time: figure('s', 'less', [seconds]),
      throughput: figure('/s', 'more', [records / seconds]),
      data: figure('MB', 'more', [statSync(file).size / 1e6]),
      'server CPU': figure('µs/op', 'less', [cpuMicros / records]),
      RSS: figure('MB', 'less', [mesh.usage().rssBytes / 1e6]),
    },
  }
}

export async function exportThrough(
  mesh: Mesh,
  daemon: Daemon,
  file: string,
  records: number,
): Promise<Row> {
  const before = await sentBytes(mesh)
  const { seconds, cpuMicros } = await timed(mesh, daemon, ['kv', 'export', '--to', file])
  const { size } = statSync(file)
  return {
    what: `atoll kv export, ${mesh.daemons.length} daemons`,
    setting: `${records} records`,
    figures: {
      time: figure('s', 'less', [seconds]),
      throughput: figure('/s', 'more', [records / seconds]),
      data: figure('MB', 'more', [size / 1e6]),
      'moved ÷ exported': figure('', 'less', [((await sentBytes(mesh)) - before) / size]),
      'server CPU': figure('µs/op', 'less', [cpuMicros / records]),
    },
  }
}

async function timed(mesh: Mesh, { socket }: Daemon, words: readonly string[]) {
  const before = mesh.usage()
  const started = performance.now()
  const args = [ATOLL, '--socket', socket, ...words]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const [status] = (await once(child, 'exit')) as [number | null]
  if (status !== 0) throw new Error(`atoll ${words.join(' ')} ended with ${status}`)
  const seconds = (performance.now() - started) / 1000
  return { seconds, cpuMicros: mesh.usage().cpuMicros - before.cpuMicros }
}

/** Of all frames between the daemons, since they started. */
async function sentBytes(mesh: Mesh): Promise<number> {
  let sent = 0
  for (const daemon of mesh.daemons) {
    const families = await daemon.call<readonly Family[]>('metrics')
    const family = families.find(({ name }) => name === 'atoll_mesh_sent_bytes_total')
    for (const { value } of family?.samples ?? []) sent += value
  }
  return sent
}
