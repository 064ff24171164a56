/**
 * What a daemon costs: time to ready, the command's own time, idle CPU and memory of a mesh of
 * three over `--seconds` (60).
 */
import { execFileSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Children } from '../harness/children.ts'
import { median } from '../harness/statistics.ts'
import { ATOLL, type Daemon, Mesh } from '../ours/daemons.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' } } })
const ROUNDS = 9

async function main(): Promise<void> {
  const mesh = await Mesh.start(new Children(), 3)
  try {
    const [first, second] = mesh.daemons as [Daemon, Daemon]
    await first.call('kv.put', { key: 'color', value: 'blue' })
    commandTimes(first)
    await idle(mesh, Number(values.seconds))
    await readyTime(second)
  } finally {
    await mesh.stop()
  }
}

function commandTimes(daemon: Daemon): void {
  const commands = {
    version: ['version'],
    'kv get': ['--socket', daemon.socket, 'kv', 'get', 'color'],
  }
  for (const [name, args] of Object.entries(commands)) {
    const times = Array.from({ length: ROUNDS }, () => {
      const started = performance.now()
      execFileSync(process.execPath, [ATOLL, ...args])
      return performance.now() - started
    })
    console.log(`atoll ${name}: median ${median(times).toFixed(0)} ms of ${ROUNDS}`)
  }
}

async function idle(mesh: Mesh, seconds: number): Promise<void> {
  await delay(5_000)
  const before = mesh.daemons.map((daemon) => daemon.usage().cpuMicros)
  await delay(seconds * 1000)
  for (const [i, daemon] of mesh.daemons.entries()) {
    const percent = ((daemon.usage().cpuMicros - (before[i] ?? 0)) / (seconds * 1e6)) * 100
    console.log(
      `${daemon.name} idle: CPU ${percent.toFixed(2)} %, RSS ${(daemon.usage().rssBytes / 1e6).toFixed(0)} MB`,
    )
  }
}

/** From the start of the process to its first answer, on a directory that belongs to a cluster. */
async function readyTime(daemon: Daemon): Promise<void> {
  const times: number[] = []
  for (let round = 0; round < 5; round++) {
    await daemon.signal('SIGTERM')
    const started = performance.now()
    daemon.start([])
    const { state } = await daemon.call<{ state: string }>('status')
    times.push(performance.now() - started)
    if (state !== 'running') throw new Error(`answers, but is ${state}`)
  }
  console.log(`daemon ready: median ${median(times).toFixed(0)} ms of ${times.length}`)
}

await main()
