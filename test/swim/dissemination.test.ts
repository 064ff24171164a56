import assert from 'node:assert/strict'
import type { Claim } from '../../src/swim/claim.ts'
import { Dissemination } from '../../src/swim/dissemination.ts'

/** The incarnation stands for the size. */
function rumour(id: string, bytes: number): Claim {
  return { id, state: 'alive', incarnation: bytes, version: 0, storageId: '', accusations: [] }
}

function queue(...rumours: Claim[]): Dissemination {
  const result = new Dissemination(({ incarnation }) => incarnation)
  for (const each of rumours) result.add(each)
  return result
}

const names = (claims: readonly Claim[]) => claims.map(({ id }) => id).join('')

describe('dissemination', () => {
  it('prefers those sent least often (SWIM §4.1)', () => {
    const rumours = queue(rumour('a', 10), rumour('b', 10))
    assert.equal(names(rumours.take(10, 9, 9)), 'b')
    assert.equal(names(rumours.take(10, 9, 9)), 'a')
    rumours.add(rumour('c', 10))
    assert.equal(names(rumours.take(20, 9, 9)).slice(0, 1), 'c')
  })

  it('among equals takes the largest that fits, then the newest', () => {
    const rumours = queue(rumour('a', 10), rumour('b', 30), rumour('c', 20), rumour('d', 20))
    assert.equal(names(rumours.take(55, 9, 9)), 'bd')
    assert.equal(names(rumours.take(25, 9, 9)), 'c')
  })

  it('fills what is left with smaller ones, and forgets none that did not fit', () => {
    const rumours = queue(rumour('a', 10), rumour('b', 100))
    assert.equal(names(rumours.take(50, 9, 9)), 'a')
    assert.equal(names(rumours.take(100, 9, 9)), 'b')
  })

  it('sends each a limited number of times', () => {
    const rumours = queue(rumour('a', 10))
    for (let i = 0; i < 3; i++) assert.equal(names(rumours.take(50, 9, 3)), 'a')
    assert.equal(names(rumours.take(50, 9, 3)), '')
    assert.equal(rumours.size, 0)
  })

  it('replaces an older rumour about the same member, and starts it anew', () => {
    const rumours = queue(rumour('a', 10))
    rumours.take(50, 9, 2)
    rumours.add(rumour('a', 11))
    assert.equal(rumours.size, 1)
    assert.deepEqual(
      rumours.take(50, 9, 2).map(({ incarnation }) => incarnation),
      [11],
    )
    assert.equal(names(rumours.take(50, 9, 2)), 'a')
    assert.equal(names(rumours.take(50, 9, 2)), '')
  })

  it('keeps to the number of rumours of a message', () => {
    const rumours = queue(...Array.from({ length: 20 }, (_, i) => rumour(`${i}`, 1)))
    assert.equal(rumours.take(1000, 7, 9).length, 7)
  })

  it('does not grow with rumours that replace each other', () => {
    const rumours = queue()
    for (let i = 0; i < 100_000; i++) rumours.add(rumour(`${i % 5}`, i))
    assert.equal(rumours.size, 5)
    assert.equal(rumours.take(1e9, 64, 9).length, 5)
  })

  it('passes everything on in the end, whatever the sizes', () => {
    const rumours = queue(...Array.from({ length: 500 }, (_, i) => rumour(`<${i}>`, 1 + (i % 90))))
    const seen = new Map<string, number>()
    for (let i = 0; i < 2000 && rumours.size > 0; i++) {
      for (const { id } of rumours.take(100, 64, 4)) seen.set(id, (seen.get(id) ?? 0) + 1)
    }
    assert.equal(seen.size, 500)
    assert.ok([...seen.values()].every((count) => count === 4))
  })
})
