/** Ctrl-C in the middle of a run: no process and no directory stays. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from './harness/children.ts'

const MAIN = join(import.meta.dirname, 'main.ts')

describe('an interrupted benchmark', () => {
  const dir = mkdtempSync(join(tmpdir(), 'atoll-interrupt-'))
  after(() => rmSync(dir, { recursive: true, force: true }))

  it('ends what it started', async function () {
    this.timeout(60_000)
    const args = [MAIN, '--quick', '--only', 'write,bare', '--out', join(dir, 'out')]
    const child = spawn(process.execPath, args, {
      env: { ...process.env, TMPDIR: dir },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let told = ''
    child.stderr.on('data', (chunk: Buffer) => {
      told += chunk.toString()
    })
    const exited = once(child, 'exit')
    // All daemons run, and still look for each other. They are found by the directory that their command line names.
    await until(
      50_000,
      () => running(dir).length >= 3,
      () => told,
    )
    child.kill('SIGINT')
    const [status] = (await exited) as [number]
    assert.equal(status, 130)
    await until(5_000, () => running(dir).length === 0, 'processes are left')
    assert.deepEqual(
      readdirSync(dir).filter((name) => name !== 'out'),
      [],
    )
  })
})

/** Processes whose command line names the directory, but for the benchmark itself. */
function running(dir: string): string[] {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8')
      return command.includes(dir) && !command.includes(MAIN)
    } catch {
      return false
    }
  })
}
