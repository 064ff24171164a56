import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { DEFAULT_SCENARIO, SCENARIOS } from './scenarios.ts'

const MAIN = new URL('./main.ts', import.meta.url).pathname

/** The line that the simulator prints, from a process of its own, without what depends on speed. */
function run(scenario: string, seed: number): string {
  const child = spawnSync(
    process.execPath,
    [MAIN, '--scenario', scenario, '--seed', String(seed)],
    { encoding: 'utf8', timeout: 180_000 },
  )
  assert.equal(child.status, 0, child.stderr)
  return child.stdout.replace(/ · [\d.]+ s \(\d+x\)/, '')
}

describe('determinism', () => {
  for (const { name } of SCENARIOS) {
    it(`${name}: one seed, two processes, one trace`, function () {
      this.timeout(240_000)
      const first = run(name, 11)
      assert.match(first, /trace [0-9a-f]{16}/)
      assert.equal(run(name, 11), first)
    })
  }

  it('another seed is another trace', () => {
    assert.notEqual(run(DEFAULT_SCENARIO, 12), run(DEFAULT_SCENARIO, 11))
  })

  it('says what to do about a failing seed', () => {
    const child = spawnSync(process.execPath, [MAIN, '--scenario', 'nonesuch'], {
      encoding: 'utf8',
    })
    assert.equal(child.status, 2)
    assert.match(child.stderr, /usage: --seed/)
  })
})
