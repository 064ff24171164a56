/** One write and one read of a small value, on every system that keeps three copies or says not. */
import type { Bench } from '../harness/bench.ts'
import { compare, usualPlan } from '../harness/compare.ts'
import { plotLoads } from '../harness/load-plots.ts'
import type { Report } from '../harness/report.ts'
import type { Section } from '../harness/section.ts'

export const SIZES = { keys: 1_000, valueBytes: 100 }
export const SYSTEMS = ['atoll', 'etcd', 'zookeeper', 'nats', 'redis', 'bare']

export const writeSection = section('write', 'Writes of 100 bytes, durable')
export const readSection = section('read', 'Reads of 100 bytes')

function section(name: 'write' | 'read', title: string): Section {
  return {
    name,
    title,
    needs: [],
    systems: SYSTEMS,
    run: async (bench: Bench, report: Report) => {
      plotLoads(report, title, await compare(bench, report, name, SIZES, usualPlan(bench)))
    },
  }
}
