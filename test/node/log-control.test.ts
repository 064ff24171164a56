/** Levels of the log: what a rule lets through, how it is written, and that it falls back. */
import assert from 'node:assert/strict'
import { LogControl } from '../../src/node/log-control.ts'
import { LogLevels, logRuleText, parseLogRule } from '../../src/seams/log-levels.ts'
import { ManualClock } from '../topology/manual-clock.ts'

const INFO = { base: 'info', parts: {} } as const

function make() {
  const clock = new ManualClock()
  const levels = new LogLevels(INFO)
  const lines: string[] = []
  const log = {
    allows: () => true,
    write: (_level: string, event: string, fields?: object) =>
      void lines.push(`${event} ${JSON.stringify(fields)}`),
  }
  return { clock, levels, lines, control: new LogControl(levels, clock, log) }
}

describe('levels of the log', () => {
  const cases: readonly (readonly [
    string,
    'debug' | 'info' | 'warn' | 'error',
    string,
    boolean,
  ])[] = [
    ['info', 'debug', 'swim.x', false],
    ['info', 'info', 'swim.x', true],
    ['swim=debug', 'debug', 'swim.x', true],
    ['swim=debug', 'debug', 'mesh.x', false],
    ['swim=error', 'warn', 'swim.x', false],
    ['swim=error', 'warn', 'mesh.x', true],
    ['error,swim=info', 'info', 'swim.x', true],
    ['error,swim=info', 'warn', 'mesh.x', false],
    // A part is a whole word.
    ['swim=debug', 'debug', 'swimming.x', false],
    ['swim=debug', 'debug', 'swim', true],
  ]
  for (const [rule, level, event, expected] of cases) {
    it(`${rule}: ${expected ? 'takes' : 'leaves out'} ${level} ${event}`, () => {
      const levels = new LogLevels(parseLogRule(rule, INFO))
      assert.equal(levels.allows(level, event), expected)
    })
  }

  it('a rule changes what it names, and is written as it is read', () => {
    const first = parseLogRule('swim=debug', INFO)
    const second = parseLogRule('warn, mesh=info', first)
    assert.equal(logRuleText(second), 'warn,swim=debug,mesh=info')
    assert.deepEqual(parseLogRule(logRuleText(second), INFO), second)
  })

  for (const wrong of [
    '',
    'loud',
    'swim=',
    'swim=loud',
    'swmi=debug',
    '=debug',
    'a=b=c',
    'info,',
  ]) {
    it(`refuses "${wrong}"`, () => {
      assert.throws(() => parseLogRule(wrong, INFO), { code: 'USAGE' })
    })
  }

  it('fall back by themselves, all together, after the last change', async () => {
    const { clock, levels, lines, control } = make()
    control.change('swim=debug', 1000)
    await clock.advance(900)
    const { fallsBackInMs } = control.change('mesh=debug', 1000)
    assert.equal(fallsBackInMs, 1000)
    await clock.advance(900)
    assert.equal(logRuleText(levels.rule), 'info,swim=debug,mesh=debug')
    assert.equal(control.show().fallsBackInMs, 100)
    await clock.advance(100)
    assert.equal(logRuleText(levels.rule), 'info')
    assert.equal(control.show().fallsBackInMs, null)
    assert.equal(clock.pending, 0)
    assert.deepEqual(lines.at(-1), 'node.log-levels {"levels":"info"}')
  })

  it('fall back after a quarter of an hour when nobody says when', async () => {
    const { clock, levels, control } = make()
    assert.equal(control.change('debug').fallsBackInMs, 15 * 60_000)
    await clock.advance(15 * 60_000 - 1)
    assert.equal(levels.rule.base, 'debug')
    await clock.advance(1)
    assert.equal(levels.rule.base, 'info')
  })

  it('reset brings back the start at once; what is refused changes nothing', () => {
    const { clock, levels, control } = make()
    control.change('debug')
    assert.throws(() => control.change('swim=debug,loud'), { code: 'USAGE' })
    assert.equal(logRuleText(levels.rule), 'debug')
    assert.equal(clock.pending, 1)
    assert.deepEqual(control.change('reset').fallsBackInMs, null)
    assert.equal(logRuleText(levels.rule), 'info')
    assert.equal(clock.pending, 0)
  })

  it('has none where the host gave no log', () => {
    const { clock } = make()
    const log = { allows: () => false, write: () => undefined }
    assert.throws(() => new LogControl(undefined, clock, log).show(), { code: 'UNSUPPORTED' })
  })
})
