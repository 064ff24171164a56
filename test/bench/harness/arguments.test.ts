import assert from 'node:assert/strict'
import { parseArguments, UsageError } from './arguments.ts'
import { selected } from './run.ts'

const parse = (...argv: string[]) => parseArguments(argv, ['write', 'read', 'etcd'], 7)

describe('bench arguments', () => {
  it('run everything, slowly, by default', () => {
    const { only, quick, profile, list, outDir, seed } = parse()
    assert.deepEqual([only, quick, profile, list, outDir, seed], [[], false, false, false, null, 7])
  })

  it('are taken', () => {
    const given = parse('--only', 'write,etcd', '--quick', '--profile', '--out=x', '--seed', '12')
    assert.deepEqual(given.only, ['write', 'etcd'])
    assert.deepEqual([given.quick, given.profile, given.outDir, given.seed], [true, true, 'x', 12])
  })

  for (const argv of [
    ['--only', 'nothing'],
    ['--only', ','],
    ['--only'],
    ['--seed', '-1'],
    ['--seed', '4294967296'],
    ['--seed', 'x'],
    ['--fast'],
    ['write'],
  ]) {
    it(`refuses ${argv.join(' ')}`, () => {
      assert.throws(() => parse(...argv), UsageError)
    })
  }

  it('choose among sections and systems apart', () => {
    const all = [{ name: 'write' }, { name: 'read' }]
    assert.deepEqual(selected(all, ['etcd', 'read']), [{ name: 'read' }])
    assert.deepEqual(selected(all, ['etcd']), all)
  })
})
