/**
 * Durable before the answer, seen from outside by strace: what a daemon wrote to its disk, when
 * fdatasync came back, and when it answered. Each change carries a text of its own, so its bytes are
 * known again in the log of each replica and in the answer on the socket.
 *
 * Two proofs. The order: when the answer to a change is written, a majority of replicas has synced
 * what holds it; the daemon that answers need not be one of them. The cause: with one of three killed and one whose every fdatasync is made slow, no
 * answer comes sooner than that; so the vote of that replica waits for its disk.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../processes.ts'
import { HostileCluster } from './cluster.ts'
import type { Network } from './network.ts'
import { answersIn, syncsIn } from './strace-lines.ts'

const CHANGES = 40
const SLOW_MS = 200

/** Why it cannot be seen here; null: it can. */
export function straceMissing(): string | null {
  try {
    execFileSync('strace', ['-o', '/dev/null', 'true'], { stdio: 'ignore' })
    return null
  } catch {
    return 'strace is missing, or may not trace'
  }
}

/** True: both hold. */
export async function durable(network: Network, say: (line: string) => void): Promise<boolean> {
  const cluster = await HostileCluster.start(network, 3)
  try {
    return (await inOrder(cluster, say)) && (await waitsForEach(cluster, say))
  } finally {
    await cluster.end()
  }
}

async function inOrder(cluster: HostileCluster, say: (line: string) => void): Promise<boolean> {
  const tracers = await Promise.all(cluster.indices.map((index) => attach(cluster, index)))
  const node = await cluster.node(0)
  const texts = Array.from({ length: CHANGES }, (_, i) => `durable-${process.pid}-${i}.`)
  for (const text of texts) await node.reg.set(text, valueOf(text))
  await Promise.all(tracers.map((tracer) => tracer.end()))
  const traces = tracers.map(({ file }) => readFileSync(file, 'utf8'))
  const answers = answersIn(traces[0] ?? '', texts)
  // A promise holds the key, too; only a vote holds the value.
  const synced = traces.map((trace) => {
    const ends = syncsIn(trace, texts.map(valueOf))
    return new Map(texts.map((text) => [text, ends.get(valueOf(text)) ?? Number.POSITIVE_INFINITY]))
  })
  let good = answers.size === CHANGES
  let own = 0
  let least = cluster.size
  for (const [text, answeredAt] of answers) {
    const before = synced.filter((of) => (of.get(text) ?? answeredAt) < answeredAt)
    least = Math.min(least, before.length)
    if ((synced[0]?.get(text) ?? answeredAt) < answeredAt) own++
    good &&= before.length >= 2
  }
  say(
    `${answers.size} of ${CHANGES} answers seen; at each, at least ${least} of 3 disks had synced`,
  )
  say(`before ${own} of them the fdatasync of the daemon that answered was over`)
  const counts = synced.map((of) => [...of.values()].filter(Number.isFinite).length)
  for (const [i, count] of counts.entries()) {
    say(`d${i + 1}: pwrite64, then fdatasync of ${count} of the values`)
  }
  return good && counts.every((count) => count === CHANGES)
}

/** Each of two replicas in turn has a slow disk; the third is gone. */
async function waitsForEach(
  cluster: HostileCluster,
  say: (line: string) => void,
): Promise<boolean> {
  await cluster.kill(2)
  let good = true
  for (const index of [0, 1]) {
    const tracer = await attach(cluster, index, `inject=fdatasync:delay_enter=${SLOW_MS * 1000}`)
    const node = await cluster.node(0)
    const took: number[] = []
    for (let i = 0; i < 10; i++) {
      const startMs = performance.now()
      await node.reg.set(`slow/${index}/${i}`, 'v', { deadlineMs: 10_000 })
      took.push(performance.now() - startMs)
    }
    await tracer.end()
    const shortest = Math.min(...took)
    say(
      `fdatasync of d${index + 1} takes ${SLOW_MS} ms: no answer in under ${shortest.toFixed(0)} ms`,
    )
    good &&= shortest >= SLOW_MS
  }
  return good
}

interface Tracer {
  readonly file: string
  end(): Promise<void>
}

function valueOf(text: string): string {
  return `value-of-${text}`
}

async function attach(cluster: HostileCluster, index: number, ...how: string[]): Promise<Tracer> {
  const { pid, name } = cluster.daemon(index)
  if (pid === undefined) throw new Error(`${name} does not run`)
  const file = join(cluster.machine.root, `${name}.strace.${how.length}`)
  const calls = 'trace=pwrite64,pwritev,fdatasync,write,writev,sendmsg'
  const extra = how.flatMap((each) => ['-e', each])
  const options = ['-f', '-ttt', '-T', '-y', '-s', '65536', '-e', calls, ...extra, '-o', file]
  const child: ChildProcess = spawn('strace', [...options, '-p', String(pid)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString()
  })
  await until(`strace is attached to ${name}`, () =>
    Promise.resolve(said.includes('attached') && existsSync(file)),
  )
  const end = async (): Promise<void> => {
    const closed = once(child, 'close')
    child.kill('SIGINT')
    await closed
  }
  return { file, end }
}
