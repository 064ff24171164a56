import assert from 'node:assert/strict'
import { RECENT_MAX, RECENT_NAMED_MAX, REMEMBERED_MAX } from '../../src/paxos/limits.ts'
import { type Change, remembering } from '../../src/paxos/register.ts'

function changeOf(number: number, ids: number): Change {
  const operations = Array.from({ length: ids }, (_, i) => {
    const done = { kind: 'changed', revision: number, number: null } as const
    return { id: `n${number}.${i}`, done }
  })
  const tag = { counter: number, storageId: 'disk', boot: 1 }
  return { tag, first: number, last: number, operations }
}

function after(changes: readonly Change[]): readonly Change[] {
  let recent: readonly Change[] = []
  for (const change of changes) recent = remembering(change, recent)
  return recent
}

const many = (count: number, ids: number): Change[] =>
  Array.from({ length: count }, (_, i) => changeOf(i + 1, ids))

describe('what a register remembers', () => {
  it('are its last eight changes', () => {
    const recent = after(many(100, 0))
    assert.deepEqual(
      recent.map(({ first }) => first),
      [100, 99, 98, 97, 96, 95, 94, 93],
    )
  })

  it('are more of them while the older ones carry ids', () => {
    assert.equal(after(many(RECENT_NAMED_MAX, 1)).length, RECENT_NAMED_MAX)
    assert.equal(after(many(RECENT_NAMED_MAX + 9, 1)).length, RECENT_NAMED_MAX)
    // An id is kept until it is the oldest of so many; what came after it goes with it.
    const mixed = after([changeOf(1, 1), ...many(40, 0)])
    assert.equal(mixed.length, 41)
    assert.equal(after([changeOf(1, 1), ...many(RECENT_NAMED_MAX, 0)]).length, RECENT_MAX)
  })

  it('are not more ids than the bound', () => {
    const recent = after(many(RECENT_NAMED_MAX, 40))
    const ids = recent.reduce((sum, { operations }) => sum + operations.length, 0)
    assert.ok(ids <= REMEMBERED_MAX && ids > REMEMBERED_MAX - 40, String(ids))
  })

  it('lacks nothing in between', () => {
    const changes = Array.from({ length: 200 }, (_, i) => changeOf(i + 1, i % 3))
    for (let count = 1; count <= changes.length; count++) {
      const numbers = after(changes.slice(0, count)).map(({ first }) => first)
      assert.deepEqual(
        numbers,
        numbers.map((_, i) => count - i),
      )
    }
  })
})
