/** What a recovery says of partitions whose disks are not all there. */
import assert from 'node:assert/strict'
import { isDoubtful, isMissing } from '../../src/node/recover/losses.ts'
import { lettersOf } from '../topology/layer-world.ts'

/** Sets of replicas as letters; `before`: those that it moves from. */
function judged(left: string, replicas: string, before: string | null = null): string {
  const prev = before === null ? null : { cfg: 1, replicas: lettersOf(before) }
  const partition = { cfg: 2, replicas: lettersOf(replicas), prev, former: [] }
  if (isMissing(partition, new Set(lettersOf(left)))) return 'missing'
  return isDoubtful(partition, new Set(lettersOf(left))) ? 'doubtful' : 'whole'
}

describe('what a recovery may have lost', () => {
  it('is nothing while no majority of a set of replicas is lost', () => {
    assert.equal(judged('ab', 'abc'), 'whole')
    assert.equal(judged('a', 'abc'), 'doubtful')
    assert.equal(judged('a', 'ab'), 'whole', 'both have what was acknowledged')
    assert.equal(judged('ab', 'abcd'), 'whole', 'three of four have it')
    assert.equal(judged('a', 'abcd'), 'doubtful')
    assert.equal(judged('x', 'abc'), 'missing')
  })

  it('may be of either set while a partition moves', () => {
    assert.equal(judged('abc', 'abc', 'a'), 'whole')
    assert.equal(judged('ab', 'abc', 'a'), 'whole')
    assert.equal(judged('a', 'abc', 'a'), 'doubtful', 'b and c chose what a never heard of')
    assert.equal(judged('bc', 'abc', 'a'), 'doubtful', 'not all may have been brought over')
    assert.equal(judged('abde', 'def', 'abc'), 'whole')
    assert.equal(judged('abd', 'def', 'abc'), 'doubtful')
    assert.equal(judged('x', 'abc', 'd'), 'missing')
  })
})
