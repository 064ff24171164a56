import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { until } from '../harness/children.ts'
import { FollowedLog } from './followed-log.ts'

const HEARD_MS = 5_000

describe('a followed log', () => {
  const dir = mkdtempSync(join(tmpdir(), 'atoll-followed-log-'))
  after(() => rmSync(dir, { recursive: true, force: true }))

  it('tells each line once it is whole, however it was written', async () => {
    const lines: string[] = []
    const log = new FollowedLog(join(dir, 'a.log'), (line) => void lines.push(line))
    writeSync(log.writeFd, 'one\ntw')
    await until(HEARD_MS, () => lines.length === 1, 'the first line is not heard')
    writeSync(log.writeFd, 'o\nthree\n')
    await until(HEARD_MS, () => lines.length === 3, 'the others are not heard')
    assert.deepEqual(lines, ['one', 'two', 'three'])
    log.close()
  })

  it('tells at its close what was written just before, and goes on behind it when opened again', async () => {
    const lines: string[] = []
    const path = join(dir, 'b.log')
    const first = new FollowedLog(path, (line) => void lines.push(line))
    writeSync(first.writeFd, `${'x'.repeat(100_000)}\nlast\n`)
    first.close()
    assert.deepEqual(
      lines.map((line) => line.length),
      [100_000, 4],
    )
    const second = new FollowedLog(path, (line) => void lines.push(line))
    writeSync(second.writeFd, 'again\n')
    second.close()
    assert.equal(lines.at(-1), 'again')
    assert.equal(lines.length, 3, 'lines of before are told again')
  })
})
