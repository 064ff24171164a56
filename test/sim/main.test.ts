/** What `npm run sim` says of a row of seeds: it counts those that ran, and no others. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import type { Patch } from './mutant-loader.ts'

const LOADER = new URL('./mutant-loader.ts', import.meta.url).href
const MAIN = new URL('./main.ts', import.meta.url).pathname

const RUN = 'const report = await scenario.run({'
/** The third seed fails. */
const PLANTED: Patch = {
  file: 'test/sim/main.ts',
  from: RUN,
  to: `if (seed === 3) throw new Error('planted')\n    ${RUN}`,
}

function lastLineOf(...args: string[]): Promise<{ readonly line: string; readonly code: number }> {
  const { promise, resolve } = Promise.withResolvers<{ line: string; code: number }>()
  const env = { ...process.env, ATOLL_MUTANT: JSON.stringify(PLANTED) }
  const all = ['--import', LOADER, MAIN, '--scenario', 'links', '--seed', '1', ...args]
  const child = execFile(process.execPath, all, { env, timeout: 15_000 }, (_error, stdout) => {
    resolve({ line: stdout.trimEnd().split('\n').at(-1) ?? '', code: child.exitCode ?? -1 })
  })
  return promise
}

describe('the program of the simulator', () => {
  it('says how many of how many seeds passed', async () => {
    assert.deepEqual(await lastLineOf('--seeds', '2'), { line: '2 of 2 passed', code: 0 })
    assert.deepEqual(await lastLineOf('--seeds', '5'), { line: '4 of 5 passed', code: 1 })
  })

  it('says what did not run when it stopped at a failure', async () => {
    const line = '2 of 3 passed; stopped: 27 of 30 did not run'
    assert.deepEqual(await lastLineOf('--seeds', '30', '--until-failure'), { line, code: 1 })
    const whole = { line: '2 of 3 passed', code: 1 }
    assert.deepEqual(await lastLineOf('--seeds', '3', '--until-failure'), whole)
  })
})
