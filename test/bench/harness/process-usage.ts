/** What the kernel says of processes: CPU time and memory, of each with all its descendants. */
import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ, which Linux has kept at 100 for programs whatever the kernel's own clock is. */
const TICKS_PER_SECOND = 100

export interface Usage {
  /** User and system time since the start. */
  readonly cpuMicros: number
  readonly rssBytes: number
}

/** Of those that still run; a process that has ended took its time with it. */
export function usageOf(pids: readonly number[]): Usage {
  let cpuMicros = 0
  let rssBytes = 0
  for (const pid of withDescendants(pids)) {
    const usage = usageOfOne(pid)
    cpuMicros += usage?.cpuMicros ?? 0
    rssBytes += usage?.rssBytes ?? 0
  }
  return { cpuMicros, rssBytes }
}

/** The fields of /proc/PID/stat from the third on: the name before them may hold blanks. */
export function statFields(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function usageOfOne(pid: number): Usage | null {
  try {
    const fields = statFields(readFileSync(`/proc/${pid}/stat`, 'utf8'))
    const ticks = Number(fields[11]) + Number(fields[12])
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const kilobytes = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0)
    // Threads know it to the nanosecond, ticks are of 10 ms but keep what ended threads used.
    const cpuMicros = Math.max((ticks * 1e6) / TICKS_PER_SECOND, threadMicros(pid))
    return { cpuMicros, rssBytes: kilobytes * 1024 }
  } catch {
    return null
  }
}

/** Of the threads that run now; 0 where the kernel does not tell. */
function threadMicros(pid: number): number {
  let nanos = 0
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    try {
      const stat = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8')
      nanos += Number(stat.split(' ')[0])
    } catch {
      // It ended while we looked.
    }
  }
  return nanos / 1000
}

function withDescendants(pids: readonly number[]): Set<number> {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const fields = statFields(readFileSync(`/proc/${name}/stat`, 'utf8'))
      parents.set(Number(name), Number(fields[1]))
    } catch {
      // It ended while we looked.
    }
  }
  const all = new Set(pids)
  let before = 0
  while (before !== all.size) {
    before = all.size
    for (const [pid, parent] of parents) if (all.has(parent)) all.add(pid)
  }
  return all
}
