/** Random walks, checked for linearizability. */
import assert from 'node:assert/strict'
import { countOf, Walker } from './walk.ts'

const FOR_MS = 4000

describe('a random walk', () => {
  for (const seed of ['2', '4', '6']) {
    it(`is linearizable: seed ${seed}`, async () => {
      const { faults, operations, moves, crashes } = await Walker.run(seed, FOR_MS)
      assert.deepEqual(faults, [])
      // Less than that would show nothing.
      const done = countOf(operations, 'ok')
      assert.ok(done > 150 && countOf(operations, 'info') > 0, `${done} done`)
      assert.ok(moves > 0 && crashes > 0, `${moves} moves, ${crashes} crashes`)
    })
  }
})
