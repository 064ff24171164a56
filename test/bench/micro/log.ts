/**
 * The append log and its group commit on this machine's disk, beside the least that such a commit
 * can cost: one write and one fdatasync for all that are under way, without format or checks.
 */
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { silentLog } from '../../../src/adapters/system-log.ts'
import { SystemClock } from '../../../src/adapters/system-clock.ts'
import { openSystemStorage } from '../../../src/adapters/system-storage.ts'
import type { Database } from '../../../src/disk/database.ts'
import { openDatabase } from '../../../src/disk/log-database.ts'
import { type Bench, choose } from '../harness/bench.ts'
import { closedLoop, type Measured } from '../harness/load.ts'
import type { Report } from '../harness/report.ts'
import { figure, type Row } from '../harness/results.ts'
import type { Section } from '../harness/section.ts'

const DEPTHS = [1, 16, 64, 256]
const VALUE = new Uint8Array(100).fill(7)
const KEYS = 1000

export const logSection: Section = {
  name: 'log',
  title: 'A durable commit of 100 bytes',
  needs: [],
  systems: [],
  run: async (bench, report) => {
    const dir = bench.children.directory('log')
    const storage = await openSystemStorage(join(dir, 'ours'))
    const database = await openDatabase({ storage, clock: new SystemClock(), log: silentLog })
    const file = await open(join(dir, 'bare'), 'a')
    try {
      for (const depth of DEPTHS) await measure(bench, report, depth, database, file)
    } finally {
      await file.close()
      await database.close()
      await storage.close()
      bench.children.remove(dir)
    }
  },
}

async function measure(
  bench: Bench,
  report: Report,
  depth: number,
  database: Database,
  file: FileHandle,
): Promise<void> {
  const seconds = choose(bench, 1, 0.1)
  const batch = Buffer.alloc(VALUE.length * depth, 7)
  const commit = (i: number) => database.commit([{ key: `k${i % KEYS}`, value: VALUE }])
  const write = async () => {
    await file.write(batch)
    await file.datasync()
  }
  const ours: Cost[] = []
  const bare: Cost[] = []
  // The first round warms up.
  for (let round = 0; round <= choose(bench, 5, 2); round++) {
    const mine = await costOf(() => closedLoop(commit, depth, seconds), 1)
    const least = await costOf(() => closedLoop(write, 1, seconds), depth)
    if (round === 0) continue
    ours.push(mine)
    bare.push(least)
  }
  const setting = `${depth} in flight`
  const mine = report.row(rowOf('commit', setting, ours))
  const least = report.row(rowOf('write and fdatasync', setting, bare))
  report.ratios(mine, least, ['time', 'CPU'])
}

interface Cost {
  readonly micros: number
  readonly cpuMicros: number
}

/** Of one commit, of which each call does `perCall`. */
async function costOf(work: () => Promise<Measured>, perCall: number): Promise<Cost> {
  const before = process.cpuUsage()
  const { latenciesMs, seconds, failed } = await work()
  const { user, system } = process.cpuUsage(before)
  if (failed > 0) throw new Error('the disk refuses')
  const count = latenciesMs.length * perCall
  return { micros: (seconds * 1e6) / count, cpuMicros: (user + system) / count }
}

function rowOf(what: string, setting: string, costs: readonly Cost[]): Row {
  const time = costs.map(({ micros }) => micros)
  const cpu = costs.map(({ cpuMicros }) => cpuMicros)
  return {
    what,
    setting,
    figures: { time: figure('µs', 'less', time), CPU: figure('µs', 'less', cpu) },
  }
}
