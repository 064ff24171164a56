import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { promisify } from 'node:util'
import { SCENARIOS } from './scenarios.ts'

const MAIN = new URL('./main.ts', import.meta.url).pathname

const SEED = 11
/** The quickest with whole nodes. */
const QUICK = 'members'
const runFile = promisify(execFile)

/** The line that the simulator prints, from a process of its own, without what depends on speed. */
async function run(scenario: string, seed: number): Promise<string> {
  const args = [MAIN, '--scenario', scenario, '--seed', String(seed)]
  const { stdout } = await runFile(process.execPath, args, { timeout: 180_000 })
  return stdout.replace(/ · [\d.]+ s \(\d+x\)/, '')
}

/** Its hash alone: the line names the seed as well. */
function traceOf(line: string): string {
  return /trace ([0-9a-f]{16})/.exec(line)?.[1] ?? assert.fail(`no trace in: ${line}`)
}

describe('determinism', () => {
  /** The first run of each scenario serves all who compare with it. */
  const firsts = new Map<string, Promise<string>>()
  const first = (name: string): Promise<string> => {
    const known = firsts.get(name) ?? run(name, SEED)
    firsts.set(name, known)
    return known
  }

  for (const { name } of SCENARIOS) {
    it(`${name}: one seed, two processes, one trace`, async function () {
      this.timeout(240_000)
      const [one, other] = await Promise.all([first(name), run(name, SEED)])
      assert.equal(traceOf(other), traceOf(one))
      assert.equal(other, one)
    })
  }

  it('another seed is another trace', async function () {
    this.timeout(240_000)
    const seeds = [first(QUICK), run(QUICK, SEED + 1)]
    const [one, other] = (await Promise.all(seeds)).map(traceOf)
    assert.notEqual(other, one)
  })

  it('says what to do about a failing seed', () => {
    const child = spawnSync(process.execPath, [MAIN, '--scenario', 'nonesuch'], {
      encoding: 'utf8',
    })
    assert.equal(child.status, 2)
    assert.match(child.stderr, /usage: --seed/)
  })
})
