/**
 * What keeps replicas equal: its traffic while they are, and how a daemon that was away becomes
 * equal again: how long, and how many bytes for what differs. Three daemons hold every key.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Bench, choose } from '../harness/bench.ts'
import { until } from '../harness/children.ts'
import { pipelined } from '../harness/pipelined.ts'
import type { Report } from '../harness/report.ts'
import { figure } from '../harness/results.ts'
import type { Section } from '../harness/section.ts'
import { type Daemon, Mesh } from '../ours/daemons.ts'

const MEMBERS = 3
const VALUE_BYTES = 100
const IN_FLIGHT = 128
const PARTITIONS = 256
const POLL_MS = 100

/** A metric as `metrics` tells it. */
interface Metric {
  readonly name: string
  readonly samples: readonly {
    readonly labels: Readonly<Record<string, string>>
    readonly value?: number
  }[]
}

export const idleSyncSection: Section = {
  name: 'idle-sync',
  title: 'Anti-entropy between three daemons that hold the same keys',
  needs: [],
  systems: [],
  run: (bench, report) => withKeys(bench, report, (mesh, keys) => idle(bench, report, mesh, keys)),
}

export const healingSection: Section = {
  name: 'healing',
  title: 'A daemon that was away while keys changed becomes equal again',
  needs: [],
  systems: [],
  run: (bench, report) =>
    withKeys(bench, report, async (mesh, keys) => {
      const changed = choose(bench, 10_000, 1_000)
      for (const fault of ['SIGSTOP', 'SIGKILL'] as const) {
        await heal(bench, report, mesh, { keys, changed, fault })
      }
    }),
}

async function withKeys(
  bench: Bench,
  report: Report,
  run: (mesh: Mesh, keys: number) => Promise<void>,
): Promise<void> {
  const keys = choose(bench, 100_000, 10_000)
  const mesh = await Mesh.start(bench.children, MEMBERS)
  try {
    const before = mesh.usage()
    await write(bench, mesh, 0, keys)
    const after = mesh.usage()
    report.row({
      what: 'kv put',
      setting: `${keys} keys, ${IN_FLIGHT} in flight`,
      figures: {
        'server CPU': figure('µs/op', 'less', [(after.cpuMicros - before.cpuMicros) / keys]),
        RSS: figure('MB', 'less', [after.rssBytes / MEMBERS / 1e6]),
      },
    })
    await run(mesh, keys)
  } finally {
    await mesh.stop()
  }
}

async function write(bench: Bench, mesh: Mesh, from: number, count: number): Promise<void> {
  const [first] = mesh.daemons as [Daemon]
  const client = await first.connect()
  const value = bench.random.text(VALUE_BYTES)
  await pipelined(count, IN_FLIGHT, (i) => client.call('kv.put', { key: keyAt(from + i), value }))
  client.close()
}

function keyAt(i: number): string {
  return `user/${i}/profile`
}

async function idle(bench: Bench, report: Report, mesh: Mesh, keys: number): Promise<void> {
  const seconds = choose(bench, 60, 20)
  await delay(choose(bench, 30_000, 12_000))
  const before = sumOf(await Promise.all(mesh.daemons.map(countsOf)))
  const { cpuMicros } = mesh.usage()
  await delay(seconds * 1000)
  const micros = mesh.usage().cpuMicros - cpuMicros
  const after = sumOf(await Promise.all(mesh.daemons.map(countsOf)))
  const bytes = after.sent - before.sent
  report.row({
    what: 'anti-entropy',
    setting: `${keys} keys in sync, ${seconds} s`,
    figures: {
      // Each of three sends to two.
      sent: figure('B/s to a peer', 'less', [bytes / seconds / (MEMBERS * (MEMBERS - 1))]),
      records: figure('moved', 'less', [after.moved - before.moved]),
      CPU: figure('% of a core, all of it', 'less', [micros / seconds / 1e4 / MEMBERS]),
    },
  })
}

interface Away {
  readonly keys: number
  readonly changed: number
  readonly fault: 'SIGSTOP' | 'SIGKILL'
}

async function heal(bench: Bench, report: Report, mesh: Mesh, away: Away): Promise<void> {
  const { keys, changed, fault } = away
  const [first, second, victim] = mesh.daemons as [Daemon, Daemon, Daemon]
  await until(
    120_000,
    async () => (await countsOf(victim)).counted === PARTITIONS,
    () => 'the trees are not counted',
  )
  const bytesEach = changed * ((await countsOf(first)).bytesOfOne + keyAt(0).length)
  const ofVictim = { counts: await countsOf(victim), cpuMicros: victim.usage().cpuMicros }
  await victim.signal(fault)
  await until(
    60_000,
    () => seesDead(first),
    () => 'nobody notices that it is away',
  )
  await write(bench, mesh, 0, changed)
  const goesOn = fault === 'SIGSTOP'
  const before = sumOf([
    await countsOf(first),
    await countsOf(second),
    ...(goesOn ? [ofVictim.counts] : []),
  ])
  const cpuMicros =
    first.usage().cpuMicros + second.usage().cpuMicros + (goesOn ? ofVictim.cpuMicros : 0)
  const started = performance.now()
  const elapsed = (): number => (performance.now() - started) / 1000
  if (goesOn) await victim.signal('SIGCONT')
  else victim.start([])
  let knownAfter = 0
  let after = before
  await until(
    120_000,
    async () => {
      // Each look costs the daemons milliseconds of what they need for it.
      await delay(POLL_MS)
      const all = await Promise.all(mesh.daemons.map(countsOf))
      if (knownAfter === 0 && all.at(-1)?.counted === PARTITIONS) knownAfter = elapsed()
      after = sumOf(all)
      return after.moved - before.moved >= changed && after.backlog === 0
    },
    () => `not equal in time: ${after.moved - before.moved} records moved`,
  )
  report.row({
    what: `back after ${fault}`,
    setting: `${changed} of ${keys} keys differ`,
    figures: {
      'equal after': figure('s', 'less', [elapsed()]),
      'trees known after': figure('s', 'less', [knownAfter]),
      'sent ÷ data': figure('×', 'less', [(after.sent - before.sent) / bytesEach]),
      records: figure('moved', 'less', [after.moved - before.moved]),
      'server CPU': figure('ms', 'less', [(mesh.usage().cpuMicros - cpuMicros) / 1000]),
    },
  })
}

/** A member that is merely suspected is written to, and has that when it goes on. */
async function seesDead(daemon: Daemon): Promise<boolean> {
  const { members } = await daemon.call<{ members: { dead: number } }>('status')
  return members.dead === 1
}

interface Counts {
  /** Bytes that repair has sent; only repair and movement send in bulk. */
  readonly sent: number
  readonly moved: number
  readonly backlog: number
  /** Partitions whose trees are known. */
  readonly counted: number
  /** Of a record on its disk, on average. */
  readonly bytesOfOne: number
}

async function countsOf(daemon: Daemon): Promise<Counts> {
  const metrics = await daemon.call<readonly Metric[]>('metrics')
  const sum = (name: string, label = ''): number => {
    const samples = metrics.find((each) => each.name === name)?.samples ?? []
    const those = samples.filter(
      ({ labels }) => label === '' || Object.values(labels).includes(label),
    )
    return those.reduce((all, { value = 0 }) => all + value, 0)
  }
  return {
    sent: sum('atoll_mesh_sent_bytes_total', 'bulk'),
    moved: sum('atoll_store_sync_keys_total'),
    backlog: sum('atoll_store_sync_backlog'),
    counted: sum('atoll_store_tree_partitions'),
    bytesOfOne: sum('atoll_store_record_bytes') / Math.max(1, sum('atoll_store_records')),
  }
}

function sumOf(all: readonly Counts[]): Pick<Counts, 'sent' | 'moved' | 'backlog'> {
  return {
    sent: all.reduce((sum, { sent }) => sum + sent, 0),
    moved: all.reduce((sum, { moved }) => sum + moved, 0),
    backlog: all.reduce((sum, { backlog }) => sum + backlog, 0),
  }
}
