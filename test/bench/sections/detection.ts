/**
 * Sixteen daemons on loopback: how long until all others know of a crash (kill −9) and of a
 * graceful leave, and how many false failures there are when idle and under CPU load.
 *
 *   node test/bench/sections/detection.ts [--members 16] [--crashes 5] [--minutes 10] [--busy 0]
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { Children } from '../harness/children.ts'
import { median } from '../harness/statistics.ts'
import { type Daemon, type MemberLine, Mesh } from '../ours/daemons.ts'
import type { RpcConnection } from '../ours/rpc-connection.ts'

const { values } = parseArgs({
  options: {
    members: { type: 'string', default: '16' },
    crashes: { type: 'string', default: '5' },
    minutes: { type: 'string', default: '10' },
    busy: { type: 'string', default: '0' },
  },
})
const members = Number(values.members)

interface Change {
  readonly kind: string
  readonly member: MemberLine
}

/** Watches membership at one daemon; tells each change with the time it was heard. */
class Watcher {
  readonly daemon: Daemon
  readonly changes: (Change & { readonly atMs: number })[] = []
  #connection: RpcConnection | null = null

  constructor(daemon: Daemon) {
    this.daemon = daemon
  }

  async start(): Promise<void> {
    const connection = await this.daemon.connect()
    connection.onNotification = (params) => {
      const { events } = params as { events: readonly Change[] }
      for (const event of events) this.changes.push({ ...event, atMs: performance.now() })
    }
    await connection.call('member.watch', {})
    this.#connection = connection
  }

  stop(): void {
    this.#connection?.close()
  }
}

async function main(): Promise<void> {
  const mesh = await Mesh.start(new Children(), members)
  const watchers = mesh.daemons.map((daemon) => new Watcher(daemon))
  try {
    await Promise.all(watchers.map((watcher) => watcher.start()))
    console.log(`${members} members, all alive`)
    await quiet(watchers, Number(values.minutes), Number(values.busy))
    await crashes(mesh, watchers, Number(values.crashes))
    await leave(mesh, watchers)
  } finally {
    for (const watcher of watchers) watcher.stop()
    await mesh.stop()
  }
}

/** Nobody fails; whoever is called dead is a false failure. */
async function quiet(watchers: Watcher[], minutes: number, busy: number): Promise<void> {
  if (minutes <= 0) return
  const loops: ChildProcess[] = Array.from({ length: busy }, () =>
    spawn(process.execPath, ['-e', 'for(;;);'], { stdio: 'ignore' }),
  )
  const from = watchers.map(({ changes }) => changes.length)
  await delay(minutes * 60_000)
  for (const loop of loops) loop.kill('SIGKILL')
  const seen = watchers.flatMap(({ changes }, i) => changes.slice(from[i]))
  const count = (kind: string) => seen.filter((change) => change.kind === kind).length
  console.log(
    `${minutes} min with ${busy} busy loops: ${count('dead')} false failures, ` +
      `${count('suspect')} suspicions`,
  )
}

async function crashes(mesh: Mesh, watchers: Watcher[], rounds: number): Promise<void> {
  const all: number[] = []
  for (let round = 0; round < rounds; round++) {
    const victim = mesh.daemons[1 + (round % (members - 1))] as Daemon
    const { id } = await victim.call<{ id: string }>('status')
    const others = watchers.filter(({ daemon }) => daemon !== victim)
    const from = others.map(({ changes }) => changes.length)
    const killedAt = performance.now()
    await victim.signal('SIGKILL')
    const heard = await heardBy(others, from, id, 'dead', killedAt)
    all.push(Math.max(...heard))
    console.log(
      `crash of ${victim.name}: first ${ms(Math.min(...heard))}, all ${ms(Math.max(...heard))}`,
    )
    victim.start([])
    await mesh.settled(members)
    const again = watchers.findIndex(({ daemon }) => daemon === victim)
    watchers[again]?.stop()
    watchers[again] = new Watcher(victim)
    await watchers[again].start()
  }
  console.log(`crash known to all others: median ${ms(median(all))} of ${rounds}`)
}

async function leave(mesh: Mesh, watchers: Watcher[]): Promise<void> {
  const leaver = mesh.daemons.at(-1) as Daemon
  const { id } = await leaver.call<{ id: string }>('status')
  const others = watchers.filter(({ daemon }) => daemon !== leaver)
  const from = others.map(({ changes }) => changes.length)
  const asked = performance.now()
  await leaver.call('leave').catch(() => undefined)
  const heard = await heardBy(others, from, id, 'left', asked)
  console.log(
    `leave: handing over took ${ms(Math.min(...heard))}, then known to all within ` +
      `${ms(Math.max(...heard) - Math.min(...heard))} of the first`,
  )
}

/** Milliseconds until each watcher heard that `id` is in `state`. */
async function heardBy(
  watchers: Watcher[],
  from: readonly number[],
  id: string,
  kind: string,
  startMs: number,
): Promise<number[]> {
  const end = performance.now() + 60_000
  for (;;) {
    const times = watchers.map(
      ({ changes }, i) =>
        changes.slice(from[i]).find((c) => c.kind === kind && c.member.id === id)?.atMs,
    )
    const missing = times.filter((time) => time === undefined).length
    if (missing === 0) return times.map((time) => (time ?? 0) - startMs)
    if (performance.now() > end) throw new Error(`${missing} never heard of ${kind}`)
    await delay(10)
  }
}

function ms(value: number): string {
  return `${Math.round(value)} ms`
}

await main()
