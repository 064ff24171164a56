/** Where and when a run was made: without it a number means nothing. */
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { cpus, loadavg, release, tmpdir, totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { findProgram } from './needs.ts'
import { median } from './statistics.ts'

const ROOT = resolve(import.meta.dirname, '../../..')
const SYNCS = 50

export interface Environment {
  readonly date: string
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly node: string
  /** The 1-minute load average at the start: above zero, something else ran. */
  readonly loadBefore: number
  /** Median of appending 4 KiB and fdatasync, where the systems keep their data. */
  readonly fdatasyncMs: number
  readonly commit: string
  /** Files differ from the commit. */
  readonly dirty: boolean
  readonly seed: number
  readonly quick: boolean
  readonly versions: Readonly<Record<string, string>>
}

export function environmentOf(
  seed: number,
  quick: boolean,
  versions: Readonly<Record<string, string>>,
): Environment {
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    node: process.version,
    loadBefore: loadavg()[0] ?? Number.NaN,
    fdatasyncMs: fdatasyncMs(),
    commit: git('rev-parse', 'HEAD'),
    dirty: git('status', '--porcelain') !== '',
    seed,
    quick,
    versions,
  }
}

export function environmentText(of: Environment): string {
  const memory = `${Math.round(of.memoryBytes / 2 ** 30)} GiB`
  const versions = Object.entries(of.versions).map(([name, version]) => `${name} ${version}`)
  return [
    `${of.date} · ${of.cores} × ${of.cpu}, ${memory} · Linux ${of.kernel} · Node ${of.node}`,
    `commit ${of.commit.slice(0, 12)}${of.dirty ? ' + changes' : ''} · seed ${of.seed}` +
      `${of.quick ? ' · quick' : ''} · load before ${of.loadBefore.toFixed(2)}` +
      ` · fdatasync ${of.fdatasyncMs.toFixed(2)} ms`,
    versions.join(' · '),
  ].join('\n')
}

/** What a program says when asked; null when it cannot be. Some say it on standard error. */
export function versionOf(
  program: string,
  args: readonly string[],
  pattern: RegExp,
): string | null {
  const path = findProgram(program)
  if (path === null) return null
  const { stdout, stderr } = spawnSync(path, args, { encoding: 'utf8' })
  return pattern.exec(`${stdout}${stderr}`)?.[1] ?? null
}

function git(...args: string[]): string {
  try {
    return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return 'unknown'
  }
}

function fdatasyncMs(): number {
  const path = join(tmpdir(), `atoll-bench-sync-${process.pid}`)
  const file = openSync(path, 'w')
  const block = Buffer.alloc(4096, 1)
  const times = Array.from({ length: SYNCS }, () => {
    writeSync(file, block)
    const started = performance.now()
    fdatasyncSync(file)
    return performance.now() - started
  })
  closeSync(file)
  rmSync(path)
  return median(times)
}
