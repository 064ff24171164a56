/** The experiments in miniature: they run, and what they find agrees with the papers. */
import assert from 'node:assert/strict'
import { parseArguments, UsageError } from './experiments/arguments.ts'
import type { Report } from './experiments/experiment.ts'
import { EXPERIMENTS, experimentOf } from './experiments/experiments.ts'
import type { Case, Measured } from './experiments/false-positives.ts'
import { falsePositives } from './experiments/false-positives.ts'
import { measureAll } from './experiments/pool.ts'
import { runHere } from './experiments/run.ts'

const TINY = { effort: 'tiny', members: null } as const

describe('the experiments of sim:swim, in miniature', () => {
  for (const experiment of EXPERIMENTS) {
    it(`${experiment.name}: ${experiment.source}`, async () => {
      assertAgrees(await runHere(experiment, TINY, 'miniature'))
    })
  }

  function assertAgrees({ head, rows, verdicts, plots }: Report): void {
    assert.ok(rows.length > 0 && verdicts.length > 0)
    for (const row of rows) {
      assert.equal(row.length, head.length)
      assert.ok(!row.some((cell) => cell.includes('NaN')), row.join(' | '))
    }
    for (const { claim, holds, measured } of verdicts) assert.ok(holds, `${claim}: ${measured}`)
    for (const { series } of plots) assert.ok(series.every(({ points }) => points.length > 0))
  }

  it('a report says so when the figures do not agree', () => {
    const fp = { SWIM: 10, Lifeguard: 1000, atoll: 1000 }
    const runs = Object.entries(fp).map(([variant, count]) => ({
      of: { ...(falsePositives.cases(TINY)[0] as Case), variant },
      measured: { fp: count, fpHealthy: count, suspicions: count } satisfies Measured,
    }))
    const failed = falsePositives.report(runs).verdicts.filter(({ holds }) => !holds)
    assert.equal(failed.length, 4)
  })

  it('another process measures the same', async () => {
    const name = 'probe-rounds'
    const [of] = experimentOf(name).cases(TINY)
    const here = await experimentOf(name).measure(of, 'seed')
    const there = await measureAll([{ number: 0, experiment: name, of, seed: 'seed' }], () => {})
    assert.deepEqual(there, [here])
  })

  it('a run that fails fails all', async () => {
    const job = { number: 0, experiment: 'nothing', of: null, seed: '' }
    await assert.rejects(
      measureAll([job], () => {}),
      /nothing/,
    )
  })

  it('refuses a command line that it does not understand', () => {
    const known = EXPERIMENTS.map(({ name }) => name)
    const wrong = [['--only', 'nothing'], ['--only', ''], ['--members', '3'], ['--what']]
    for (const argv of wrong) {
      assert.throws(() => parseArguments(argv, known), UsageError, argv.join(' '))
    }
    const given = parseArguments(['--quick', '--only', 'size,spread', '--members', '64'], known)
    assert.deepEqual([given.only, given.members, given.effort], [['size', 'spread'], 64, 'quick'])
  })
})
