import assert from 'node:assert/strict'
import { Gate } from '../../src/base/gate.ts'

describe('a gate', () => {
  it('lets so many through at a time, in order, whatever becomes of them', async () => {
    const gate = new Gate(2)
    const begun: string[] = []
    const ends = new Map<string, PromiseWithResolvers<string>>()
    const run = (name: string): Promise<string> =>
      gate.through(() => {
        begun.push(name)
        const end = Promise.withResolvers<string>()
        ends.set(name, end)
        return end.promise
      })
    const all = ['a', 'b', 'c', 'd'].map(run)
    assert.deepEqual(begun, ['a', 'b'])
    ends.get('b')?.reject(new Error('b fails'))
    await assert.rejects(all[1] ?? assert.fail(), /b fails/)
    await new Promise(setImmediate)
    assert.deepEqual(begun, ['a', 'b', 'c'])
    ends.get('c')?.resolve('c')
    ends.get('a')?.resolve('a')
    await new Promise(setImmediate)
    ends.get('d')?.resolve('d')
    assert.deepEqual(await Promise.all([all[0], all[2], all[3]]), ['a', 'c', 'd'])
    assert.equal(await gate.through(() => Promise.resolve(5)), 5)
  })
})
