/** What three members cost that nobody asks for anything: ours, etcd's and Serf's, at the same time. */
import { setTimeout as delay } from 'node:timers/promises'
import { SerfAgents } from '../detection/serf-agents.ts'
import { type Bench, choose } from '../harness/bench.ts'
import { programNeed } from '../harness/needs.ts'
import { usageOf } from '../harness/process-usage.ts'
import type { Report } from '../harness/report.ts'
import { figure } from '../harness/results.ts'
import type { Section } from '../harness/section.ts'
import { Mesh } from '../ours/daemons.ts'
import { etcdVersions, startEtcd } from '../peers/start-etcd.ts'

const MEMBERS = 3
const ETCD = [programNeed('etcd', 'etcd-server')]
const SERF = [programNeed('serf', 'serf')]

/** Three members of one system that run. */
interface Trio {
  readonly what: string
  pids(): readonly number[]
  stop(): Promise<void>
}

export const idleSection: Section = {
  name: 'idle',
  title: `What ${MEMBERS} members cost when idle`,
  needs: [...ETCD, ...SERF],
  systems: [],
  run: async (bench, report) => {
    const trios: Trio[] = []
    try {
      for (const start of [ours, etcd, serf]) trios.push(await start(bench))
      report.note(etcdVersions())
      await measure(bench, report, trios)
    } finally {
      await Promise.all(trios.map((trio) => trio.stop()))
    }
  },
}

async function measure(bench: Bench, report: Report, trios: readonly Trio[]): Promise<void> {
  const seconds = choose(bench, 60, 10)
  // What a start leaves to be done.
  await delay(choose(bench, 10_000, 2_000))
  const before = trios.map((trio) => usageOf(trio.pids()))
  await delay(seconds * 1000)
  const [first, ...others] = trios.map((trio, i) => {
    const after = usageOf(trio.pids())
    const micros = after.cpuMicros - (before[i]?.cpuMicros ?? 0)
    return report.row({
      what: trio.what,
      setting: `sum of ${MEMBERS}, ${seconds} s`,
      figures: {
        CPU: figure('% of a core', 'less', [micros / seconds / 1e4]),
        RSS: figure('MB', 'less', [after.rssBytes / 1e6]),
      },
    })
  })
  for (const other of others) if (first !== undefined) report.ratios(first, other, ['CPU', 'RSS'])
}

async function ours(bench: Bench): Promise<Trio> {
  const mesh = await Mesh.start(bench.children, MEMBERS)
  return { what: 'atoll', pids: () => mesh.pids, stop: () => mesh.stop() }
}

async function etcd(bench: Bench): Promise<Trio> {
  const cluster = await startEtcd(bench)
  const pids = () => cluster.members.map(({ pid }) => pid)
  return { what: 'etcd', pids, stop: () => cluster.stop() }
}

async function serf(bench: Bench): Promise<Trio> {
  const agents = await SerfAgents.start(bench.children, MEMBERS)
  return { what: 'serf', pids: () => agents.pids(), stop: () => agents.stop() }
}
