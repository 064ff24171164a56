/**
 * A change is chosen when a majority has it on their disks, and the node that proposed it need not
 * be among them. So nothing that this node then says of its own may rest on its own vote.
 */
import assert from 'node:assert/strict'
import { REQUEST_KINDS } from '../../src/wire/kinds.ts'
import { isPrepare, RegisterWorld } from './world.ts'

const KEY = 'k'

describe('a proposer whose own disk hangs', () => {
  it('changes, reads and shows what the others have, and loses nothing with its disk', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set(KEY, 'v0'))
    await world.wait(10)
    const ends = new AbortController()
    const watch = world.reg('a').watch(KEY, { signal: ends.signal })[Symbol.asyncIterator]()
    assert.equal((await world.drive(watch.next())).value?.value, 'v0')
    const { database } = world.node('a')
    assert.ok(database !== null)
    // What it writes is on its way for ever: neither durable nor failed.
    Object.assign(database, { commit: () => new Promise<never>(() => undefined) })
    const first = await world.drive(world.reg('a').set(KEY, 'v1'))
    assert.equal(world.text('a', KEY), 'v0')
    assert.deepEqual([world.text('b', KEY), world.text('c', KEY)], ['v1', 'v1'])
    assert.equal((await world.drive(world.reg('a').get(KEY)))?.value, 'v1')
    assert.equal((await world.drive(watch.next())).value?.value, 'v1')
    // The promise that came along with the votes is of the others: one round, and no prepare.
    world.asked.length = 0
    const second = await world.drive(world.reg('a').set(KEY, 'v2'))
    assert.ok(second.version > first.version && !world.asked.some(isPrepare))
    world.crash('a')
    assert.equal((await world.drive(world.reg('b').get(KEY)))?.value, 'v2')
    await world.boot('a')
    assert.equal(world.text('a', KEY), 'v0', 'its disk never had it')
    assert.equal((await world.drive(world.reg('a').get(KEY)))?.value, 'v2')
    const third = await world.drive(world.reg('a').set(KEY, 'v3'))
    assert.ok(third.version > second.version)
    ends.abort()
  })

  it('shows nothing that it alone has accepted', async () => {
    const world = await RegisterWorld.start(['abc'])
    await world.drive(world.reg('a').set(KEY, 'v0'))
    await world.wait(10)
    world.fate = (q) => (q.from === 'a' ? 'lost' : undefined)
    const call = world.drive(world.reg('a').set(KEY, 'lost', { deadlineMs: 300 }))
    await assert.rejects(call)
    assert.equal(world.text('a', KEY), 'lost')
    // The two others agree on what is older.
    world.fate = (q) => (q.kind === REQUEST_KINDS.REG_ACCEPT ? 'lost' : undefined)
    assert.equal((await world.drive(world.reg('a').get(KEY)))?.value, 'v0')
    // With one of them its own is the newest: shown when the other has it too, and not before.
    world.lose('b')
    await assert.rejects(world.drive(world.reg('a').get(KEY, { deadlineMs: 300 })))
    assert.equal(world.text('c', KEY), 'v0')
    world.fate = () => undefined
    assert.equal((await world.drive(world.reg('a').get(KEY)))?.value, 'lost')
    assert.equal(world.text('c', KEY), 'lost')
  })
})
