/** A short run of `npm run hostile`, so that what it is made of stays whole. Needs no root. */
import assert from 'node:assert/strict'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FAULTS } from './hostile/faults.ts'
import { Loopback } from './hostile/loopback.ts'
import { answersIn, syncsIn } from './hostile/strace-lines.ts'
import { trial } from './hostile/trial.ts'

describe('registers of real daemons under faults', () => {
  it('three are killed and started at once, one after the other: all histories hold', async function () {
    this.timeout(120_000)
    const seed = String(Date.now())
    const lines = [`seed ${seed}`]
    const report = await trial({
      network: await Loopback.of(3),
      size: 3,
      seed,
      faults: FAULTS.filter(({ name }) => name === 'quick'),
      say: (line) => lines.push(line),
      historyFile: join(tmpdir(), `atoll-hostile-smoke-${process.pid}.jsonl`),
    }).catch((error: unknown) => {
      throw new Error(lines.join('\n'), { cause: error })
    })
    assert.ok(
      report.acknowledged >= 100,
      `${report.acknowledged} acknowledged, ${lines.join('\n')}`,
    )
    assert.ok(report.keys > 0)
  })
})

describe('lines of strace', () => {
  const trace = [
    '7 100.000100 pwrite64(20</d/log>, "one", 3, 0) = 3 <0.000010>',
    '8 100.000200 fdatasync(20</d/log> <unfinished ...>',
    '7 100.000300 pwrite64(20</d/log>, "two", 3, 3) = 3 <0.000010>',
    '8 100.000900 <... fdatasync resumed>) = 0 <0.000700>',
    '7 100.001000 write(30<UNIX:[1]>, "{\\"result\\":\\"one\\"}", 9) = 9 <0.000010>',
    '8 100.002000 fdatasync(20</d/log>) = -1 EIO (Input/output error) <0.000100>',
    '8 100.003000 fdatasync(21</d/other>) = 0 <0.000100>',
  ].join('\n')

  it('a sync counts for what was written before it began, on its file, and if it succeeded', () => {
    assert.deepEqual([...syncsIn(trace, ['one', 'two'])], [['one', 100.0009]])
  })

  it('an answer counts from its beginning', () => {
    assert.deepEqual([...answersIn(trace, ['one', 'two'])], [['one', 100.001]])
  })
})
