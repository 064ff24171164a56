/**
 * What the kernel and Node.js say of this process, under the names by which every dashboard knows
 * them. An embedding program has its own, so only the daemon declares these.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { Metrics } from '../base/metrics.ts'

export function declareProcessMetrics(metrics: Metrics): void {
  metrics.counter(
    'process_cpu_seconds_total',
    'CPU time of this process, of user and system together.',
    () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    },
  )
  metrics.gauge(
    'process_start_time_seconds',
    'When this process began, in seconds since 1970.',
    () => performance.timeOrigin / 1000,
  )
  metrics.gauge('process_resident_memory_bytes', 'Memory that this process has in RAM.', () =>
    process.memoryUsage.rss(),
  )
  metrics.gauge(
    'nodejs_heap_size_used_bytes',
    'Memory of JavaScript objects in use.',
    () => process.memoryUsage().heapUsed,
  )
  metrics.gauge(
    'nodejs_external_memory_bytes',
    'Memory of buffers and native objects that JavaScript holds.',
    () => process.memoryUsage().external,
  )
  metrics.gauge(
    'nodejs_eventloop_utilization_ratio',
    'Share of its time that the event loop was busy, since the start.',
    () => performance.eventLoopUtilization().utilization,
  )
  metrics.gauge('process_open_fds', 'Open file descriptors; absent where unknown.', openFds)
  metrics.gauge(
    'process_max_fds',
    'File descriptors that may be open; absent where unknown.',
    maxFds,
  )
}

function openFds(): number | null {
  try {
    // One of them is the directory itself.
    return readdirSync('/proc/self/fd').length - 1
  } catch {
    return null
  }
}

function maxFds(): number | null {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return limit === undefined ? null : Number(limit)
  } catch {
    return null
  }
}
