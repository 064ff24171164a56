/** What every log promises; `lines` gives what was logged so far, one text a line. */
import assert from 'node:assert/strict'
import type { Log } from '../../src/seams/log.ts'

export interface LogUnderTest {
  readonly log: Log
  readonly lines: () => readonly string[]
}

export function logContract(name: string, make: () => LogUnderTest): void {
  describe(`log contract: ${name}`, () => {
    it('writes a line with level, event and fields', () => {
      const { log, lines } = make()
      log.write('warn', 'swim.suspect', { peer: 'p1', after: 1.5, again: false, by: null })
      const [line = ''] = lines()
      assert.equal(lines().length, 1)
      for (const part of ['warn', 'swim.suspect', 'p1', '1.5', 'false', 'null']) {
        assert.ok(line.includes(part), `${part} in ${line}`)
      }
    })

    it('writes without fields, and leaves out a field that is undefined', () => {
      const { log, lines } = make()
      log.write('error', 'disk.failed')
      log.write('info', 'node.start', { zone: undefined })
      assert.equal(lines().length, 2)
      assert.ok(lines()[0]?.includes('disk.failed'))
      assert.ok(!lines()[1]?.includes('zone'))
    })

    it('leaves out what is below its level', () => {
      const { log, lines } = make()
      log.write('debug', 'too.small')
      log.write('info', 'large.enough')
      assert.equal(lines().length, 1)
    })

    it('says beforehand what it would leave out', () => {
      const { log } = make()
      assert.deepEqual(
        [log.allows('debug', 'too.small'), log.allows('info', 'large.enough')],
        [false, true],
      )
    })

    it('keeps one line one line, whatever the fields hold', () => {
      const { log, lines } = make()
      const nasty = 'a\nb\u001b[31m "quoted" \u2028 \r end'
      log.write('info', 'odd.fields', { nasty })
      const [line = ''] = lines()
      assert.equal(lines().length, 1)
      assert.doesNotMatch(line.trimEnd(), /\p{Cc}/u)
    })

    it('is not fooled by fields named like its own', () => {
      const { log, lines } = make()
      log.write('warn', 'real.event', { level: 'fake', event: 'fake.event', time: 1 })
      const [line = ''] = lines()
      assert.ok(line.includes('warn') && line.includes('real.event'))
    })
  })
}
