import assert from 'node:assert/strict'
import { parseArguments, UsageError } from './arguments.ts'
import { SYSTEMS } from '../sections.ts'
import { selected } from './run.ts'
import type { Section } from './section.ts'

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

  it('choose sections and systems', () => {
    const section = (name: string, ...systems: string[]): Section => ({
      name,
      title: name,
      needs: [],
      systems,
      run: () => Promise.resolve(),
    })
    const sections = [
      section('write', 'atoll', 'etcd', 'nats'),
      section('lock', 'nats'),
      section('x'),
    ]
    const systems = SYSTEMS.filter(({ name }) => ['atoll', 'etcd', 'nats'].includes(name))
    const names = (...only: string[]) => {
      const chosen = selected(sections, systems, only)
      return [chosen.sections, chosen.systems].map((all) => all.map(({ name }) => name).join(' '))
    }
    assert.deepEqual(names(), ['write lock x', 'atoll etcd nats'])
    assert.deepEqual(names('x'), ['x', 'atoll etcd nats'])
    assert.deepEqual(names('etcd'), ['write', 'atoll etcd'])
    assert.deepEqual(names('lock', 'write', 'nats'), ['write lock', 'atoll nats'])
    assert.deepEqual(names('write', 'atoll'), ['write', 'atoll'])
  })
})
