/**
 * How long it takes: from the start of a server to its first answer, on an empty directory and on
 * one that it knows; and the commands that a person types.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { type Bench, choose } from '../harness/bench.ts'
import type { Report } from '../harness/report.ts'
import { figure, type Row } from '../harness/results.ts'
import { missingOf, missingText } from '../harness/run.ts'
import type { Section } from '../harness/section.ts'
import { Mesh } from '../ours/daemons.ts'
import { etcdVersions, startEtcd } from '../peers/start-etcd.ts'
import { COMMANDS, timeOf } from '../start-up/commands.ts'
import { type Server, type ServerKind, SERVERS } from '../start-up/servers.ts'

const READY_MS = 30_000

export const startUpSection: Section = {
  name: 'start-up',
  title: 'From the start of a process to its first answer',
  needs: [],
  systems: [],
  run: async (bench, report) => {
    report.note(
      'Ready: atolld answers status as running, etcd says that it is healthy, Redis answers PING, ' +
        'a Serf agent takes connections.',
    )
    const missing = missingText([...SERVERS, ...COMMANDS].flatMap(({ needs }) => needs))
    if (missing !== '') report.note(missing)
    await servers(bench, report)
    await commands(bench, report)
  },
}

async function servers(bench: Bench, report: Report): Promise<void> {
  const kinds = SERVERS.filter(({ needs }) => missingOf(needs).length === 0)
  const times = new Map(kinds.map((kind) => [kind, { first: [], again: [] } as Times]))
  for (let round = 0; round < choose(bench, 9, 2); round++) {
    for (const [kind, { first, again }] of times) {
      const [firstMs, againMs] = await startTwice(bench, kind)
      first.push(firstMs)
      again.push(againMs)
    }
  }
  bench.say('servers')
  const rows = (setting: string, of: (times: Times) => number[]) =>
    [...times].map(([{ what }, each]) => timeRow(what, setting, of(each)))
  reportRows(
    report,
    rows('first start', ({ first }) => first),
  )
  reportRows(
    report,
    rows('start on its data', ({ again }) => again),
  )
}

interface Times {
  readonly first: number[]
  readonly again: number[]
}

async function startTwice(bench: Bench, kind: ServerKind): Promise<[number, number]> {
  const dir = bench.children.directory('start')
  const server = await kind.create(bench.children, dir)
  try {
    const firstMs = await untilReady(server, kind.what)
    await server.signal('SIGTERM')
    return [firstMs, await untilReady(server, kind.what)]
  } finally {
    await server.signal('SIGKILL')
    bench.children.remove(dir)
  }
}

async function untilReady(server: Server, what: string): Promise<number> {
  const startMs = performance.now()
  server.spawn()
  while (!(await server.ready().catch(() => false))) {
    if (performance.now() - startMs > READY_MS) throw new Error(`${what} is not ready`)
    await delay(2)
  }
  return performance.now() - startMs
}

async function commands(bench: Bench, report: Report): Promise<void> {
  const chosen = COMMANDS.filter(({ needs }) => missingOf(needs).length === 0)
  const mesh = await Mesh.start(bench.children, 1)
  const [daemon] = mesh.daemons
  await daemon?.call('kv.put', { key: 'color', value: 'blue' })
  const withEtcd = chosen.some(({ program }) => program === 'etcdctl')
  if (withEtcd) report.note(etcdVersions())
  const etcd = withEtcd ? await startEtcd(bench) : null
  const at = { atollSocket: daemon?.socket ?? '', etcdEndpoint: etcd?.endpoints[0] ?? '' }
  try {
    const times = new Map(chosen.map((command) => [command, [] as number[]]))
    for (let round = 0; round < choose(bench, 15, 5); round++) {
      for (const [command, of] of times) of.push(timeOf(command, at))
    }
    for (const setting of new Set(chosen.map((command) => command.setting))) {
      const some = [...times].filter(([command]) => command.setting === setting)
      reportRows(
        report,
        some.map(([{ what }, of]) => timeRow(what, setting, of)),
      )
    }
  } finally {
    await etcd?.stop()
    await mesh.stop()
  }
}

function timeRow(what: string, setting: string, times: readonly number[]): Row {
  return { what, setting, figures: { time: figure('ms', 'less', times) } }
}

/** The first is ours. */
function reportRows(report: Report, rows: readonly Row[]): void {
  for (const row of rows) report.row(row)
  const [ours, ...others] = rows
  for (const theirs of others) if (ours !== undefined) report.ratios(ours, theirs, ['time'])
}
