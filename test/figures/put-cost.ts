/**
 * CPU of a `kv put` of 100 bytes over three daemons together, at 1, 64 and 256 in flight from one
 * client over one socket, with durable writes. `--profile DIR` writes a CPU profile of each.
 */
import { mkdirSync } from 'node:fs'
import { Mesh } from './daemons.ts'
import { pipelined } from './rpc-connection.ts'

const profileDir = process.argv.includes('--profile') ? process.argv.at(-1) : undefined
const OPERATIONS = { 1: 2_000, 64: 30_000, 256: 60_000 } as const
const KEYS = 1_000
const value = 'x'.repeat(100)

async function main(): Promise<void> {
  if (profileDir !== undefined) mkdirSync(profileDir, { recursive: true })
  const flags = profileDir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profileDir}`]
  const mesh = await Mesh.start(3, flags)
  try {
    for (const width of [1, 64, 256] as const) {
      await round(mesh, width, 2_000)
      const line = await round(mesh, width, OPERATIONS[width])
      console.log(line)
    }
    for (const daemon of mesh.daemons) console.log(`${daemon.name} rss ${daemon.rssMb() | 0} MB`)
    // A profile is written by a process that ends by itself.
    if (profileDir !== undefined)
      await Promise.all(mesh.daemons.map((each) => each.signal('SIGTERM')))
  } finally {
    await mesh.stop()
  }
}

async function round(mesh: Mesh, width: number, count: number): Promise<string> {
  const client = await mesh.daemons[0]?.connect()
  if (client === undefined) throw new Error('no daemon')
  const before = mesh.daemons.map((daemon) => daemon.cpuMicros())
  const started = performance.now()
  const latencies: number[] = []
  await pipelined(count, width, async (i) => {
    const sent = performance.now()
    await client.call('kv.put', { key: `bench/${i % KEYS}`, value })
    latencies.push(performance.now() - sent)
  })
  const seconds = (performance.now() - started) / 1000
  const cpu = mesh.daemons.map((daemon, i) => daemon.cpuMicros() - (before[i] ?? 0))
  client.close()
  latencies.sort((a, b) => a - b)
  const at = (q: number) => (latencies[Math.floor(q * (latencies.length - 1))] ?? 0).toFixed(2)
  const total = cpu.reduce((a, b) => a + b, 0) / count
  const each = cpu.map((micros) => (micros / count).toFixed(1)).join(' + ')
  return (
    `put 100 B, ${width} in flight: ${Math.round(count / seconds)}/s, ` +
    `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, CPU ${total.toFixed(1)} µs (${each})`
  )
}

await main()
