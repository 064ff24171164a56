import assert from 'node:assert/strict'
import { RecentMap } from '../../src/base/recent-map.ts'

describe('a map of what was used last', () => {
  it('forgets what was used least recently, read or written', () => {
    const map = new RecentMap<number>(3)
    for (const [i, key] of ['a', 'b', 'c'].entries()) map.set(key, i)
    assert.equal(map.get('a'), 0)
    map.set('b', 5)
    map.set('d', 3)
    assert.deepEqual([map.get('c'), map.get('a'), map.get('b'), map.size], [undefined, 0, 5, 3])
    map.delete('a')
    assert.deepEqual([map.get('a'), map.size], [undefined, 2])
  })
})
