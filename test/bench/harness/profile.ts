/** CPU profiles of our daemons while something is measured, one file for each daemon. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Bench } from './bench.ts'
import type { RunningSystem } from './section.ts'

/** Does the work, and with `--profile` writes what the processes of the system did meanwhile. */
export async function profiled<T>(
  bench: Bench,
  system: RunningSystem,
  label: string,
  work: () => Promise<T>,
): Promise<T> {
  const profilers = bench.profiling ? (system.profilers ?? []) : []
  const profileDir = join(bench.outDir, 'profiles')
  await Promise.all(profilers.map((profiler) => profiler.start()))
  const result = await work()
  for (const profiler of profilers) {
    const file = `${label} ${profiler.name}`.replace(/[^A-Za-z0-9.]+/g, '-')
    mkdirSync(profileDir, { recursive: true })
    writeFileSync(join(profileDir, `${file}.cpuprofile`), await profiler.stop())
  }
  return result
}
