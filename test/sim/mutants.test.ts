import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { MUTANTS } from './mutant-list.ts'

const HUNT = new URL('./mutants.ts', import.meta.url).pathname
const ROOT = new URL('../../', import.meta.url)

describe('mutants', () => {
  for (const { name, also = [], ...first } of MUTANTS) {
    it(`${name}: still has its place in the source`, () => {
      for (const { file, from, to } of [first, ...also]) {
        const source = readFileSync(new URL(file, ROOT), 'utf8')
        assert.equal(source.split(from).length, 2, `${file} holds the text exactly once`)
        assert.notEqual(from, to)
      }
    })
  }

  it('finds one', function () {
    this.timeout(60_000)
    const args = [HUNT, '--name', 'network: order lost', '--seeds', '5']
    const child = spawnSync(process.execPath, args, { encoding: 'utf8' })
    assert.equal(child.status, 0, child.stderr)
    assert.match(child.stdout, /^killed {3}network: order lost +seed \d+: AssertionError/)
  })
})
